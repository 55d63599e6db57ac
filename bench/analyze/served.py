"""Which machines served: what was asked for, held against what the gateway said was alive.

The 0.4 gateway hands a request for a profile without workers to any other profile, and nothing in the reply
tells; an alias (`l4` to `l4-spot`) looks the same. Only the health lines show it.
"""

from collections import Counter

import numpy as np

from bench.analyze.run import Run
from bench.record import Outcome

SPOT = "-spot"


def doubtful_service(run: Run) -> tuple[str, ...]:
    """A sentence for each profile that answered requests while, by the last health line, it had no worker."""
    lines = [line for line in run.health if "error" not in line]
    if not lines:
        return ()
    asked = run.requests[run.requests["outcome"].isin([Outcome.OK, Outcome.DEGRADED])]
    asked = asked[asked["profile"].notna() & asked["first_sent_ns"].notna()]
    last = (
        np.searchsorted([line["t_ns"] for line in lines], asked["first_sent_ns"].astype(np.int64), "right")
        - 1
    )
    pairs = Counter(zip(asked["profile"].astype(str), np.maximum(last, 0).tolist(), strict=True))
    served: Counter[tuple[str, str]] = Counter()
    for (profile, line), count in pairs.items():
        live = {name for name, workers in lines[line]["live"].items() if workers}
        others = live - {profile.lower()}
        if profile.lower() not in live and others:
            alias = f"{profile.lower()}{SPOT}"
            served[profile, alias if alias in others else ", ".join(sorted(others))] += count
    return tuple(_sentence(profile, by, count) for (profile, by), count in served.items())


def _sentence(profile: str, by: str, count: int) -> str:
    if by == f"{profile.lower()}{SPOT}":
        return f"{profile} was asked for, but {by} was alive: {count} requests were served by that alias"
    return (
        f"{profile} was asked for, but only {by} was alive: {count} requests were answered by the wrong "
        f"profile, and their numbers under {profile} are not those of {profile}"
    )
