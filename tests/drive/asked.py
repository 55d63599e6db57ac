"""Prints what each scenario of a JSON list asks for: run as a process, because drive patches its own.

Standard input: [{"scenario": {...}, "count": 3, "estimate": false}]. Standard output: for each a list of
requests with their operation, items, choices, chars_per_token, content type and body, whether the record
will say of it what the schedule does, and whether another rendering makes the same bytes.
"""

import json
import sys
from typing import Any

import msgpack

from bench.drive.flight import Order
from bench.drive.supply import Kitchen
from bench.protocol import Endpoint
from bench.record import SHARED
from bench.scenario import Scenario
from bench.workload import Texts, make_schedule

TEXTS = Texts(1, {"chat": 5.0})


ENDPOINT = Endpoint("sie", "http://gateway")


def asked(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The first `count` requests of a scenario."""
    schedule = make_schedule(Scenario.model_validate(case["scenario"], strict=False))
    kitchen = Kitchen("ab" * 16, TEXTS, ENDPOINT, 0, estimate_tokens=case.get("estimate", False))
    rows = schedule.table().select(SHARED).slice(0, case.get("count", 1)).to_pylist()
    return [_told(kitchen.order(schedule.planned(index), 0), row) for index, row in enumerate(rows)]


def _told(order: Order, row: dict[str, Any]) -> dict[str, Any]:
    assert order.render is not None
    told = ("operation", "items", "choices", "chars_per_token")
    head, _, body = order.wire.partition(b"\r\n\r\n")
    packed = b"Content-Type: application/msgpack" in head
    return {
        **{name: getattr(order.ask, name) for name in told},
        "packed": packed,
        "body": msgpack.unpackb(body) if packed else json.loads(body),
        "as_scheduled": dict(zip(SHARED, order.shared, strict=True)) == row,
        "again": order.render(order, 1) == order.wire,
    }


if __name__ == "__main__":
    print(json.dumps([asked(case) for case in json.load(sys.stdin)]))
