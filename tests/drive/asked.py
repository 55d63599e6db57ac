"""Prints what each scenario of a JSON list asks for: run as a process, because drive patches its own.

Standard input: [{"scenario": {...}, "count": 3, "estimate": false}]. Standard output: for each a list of
requests with their operation, items, choices, chars_per_token, content type and body.
"""

import json
import sys
from typing import Any

import msgpack

from bench.drive.asking import recipe_of
from bench.protocol import Endpoint, render
from bench.scenario import Scenario
from bench.workload import Texts, make_schedule

TEXTS = Texts(1, {"chat": 5.0})


def asked(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The first `count` requests of a scenario."""
    schedule = make_schedule(Scenario.model_validate(case["scenario"], strict=False))
    planned = [schedule.planned(index) for index in range(case.get("count", 1))]
    estimate = case.get("estimate", False)
    asks = [recipe_of(one, TEXTS, estimate_tokens=estimate).ask(one) for one in planned]
    told = ("operation", "items", "choices", "chars_per_token")
    return [{**{name: getattr(ask, name) for name in told}, **_sent(ask)} for ask in asks]


def _sent(ask: Any) -> dict[str, Any]:
    head, _, body = render(Endpoint("sie", "http://gateway"), ask).partition(b"\r\n\r\n")
    packed = b"Content-Type: application/msgpack" in head
    return {"packed": packed, "body": msgpack.unpackb(body) if packed else json.loads(body)}


if __name__ == "__main__":
    print(json.dumps([asked(case) for case in json.load(sys.stdin)]))
