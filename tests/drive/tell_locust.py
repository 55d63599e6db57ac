"""`python -m tests.drive.tell_locust`: the same replies told to Locust by the batch and one by one.

Prints what its statistics hold after each, as JSON. A process of its own, because Locust patches the one
that imports it.
"""

import json
from typing import Any

from locust.env import Environment

from bench.drive.asking import shared_of
from bench.drive.bulletin import Bulletin
from bench.protocol import Facts
from bench.scenario import EncodeTraffic
from bench.workload import Planned

MS = 1_000_000
SAID = {"operation": "encode", "model": "m", "input_tokens": 1}
OUTCOMES = ("ok", "ok", "degraded", "failed", "refused", "not_sent", "unfinished", "failed")


def told(*, one_by_one: bool) -> dict[str, Any]:
    """Locust's statistics after a few replies in two batches."""
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    if one_by_one:
        environment.events.request.add_listener(lambda **_: None)  # type: ignore[no-untyped-call]
    bulletin = Bulletin()
    for number, outcome in enumerate(OUTCOMES * 3):
        said = SAID | {"name": f"c{number % 2}"}
        traffic = EncodeTraffic.model_validate(said)
        facts = Facts(outcome=outcome, end_ns=(100 + number * 7) * MS, response_bytes=number)
        bulletin.add(shared_of(Planned(number, traffic, "l4", 1, None)), 100 * MS, facts)
        if number == 5:
            bulletin.post(environment)
    bulletin.post(environment)
    stats = environment.stats
    entries = [stats.total, *(entry for _, entry in sorted(stats.entries.items()))]
    return {
        "entries": [
            [
                *(e.name, e.method, e.num_requests, e.num_failures, e.min_response_time, e.max_response_time),
                *(e.total_content_length, sorted(e.response_times.items()), sum(e.num_reqs_per_sec.values())),
            ]
            for e in entries
        ],
        "errors": sorted((e.name, str(e.error), e.occurrences) for e in stats.errors.values()),
    }


if __name__ == "__main__":
    print(json.dumps([told(one_by_one=one_by_one) for one_by_one in (False, True)]))
