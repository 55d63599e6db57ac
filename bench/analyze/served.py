"""Which machines served: what was asked for, held against what the gateway said was alive.

The 0.4 gateway hands a request for a profile without workers to any other profile, and nothing in the reply
tells; an alias (`l4` to `l4-spot`) looks the same. Only the health lines show it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.analyze.run import Run
from bench.analyze.window import Window
from bench.record import Outcome

SPOT = "-spot"


class Service:
    """Who answered the requests of a run, worked out once for all of its parts."""

    def __init__(self, run: Run) -> None:
        self._lines = told(run)
        self._strangers = _strangers(run, self._lines)

    def doubts(self) -> tuple[str, ...]:
        """A sentence for each profile that answered while, by the last health line, it had no worker."""
        return tuple(_sentence(profile, by, count) for (profile, by), count in self._strangers.items())

    def mean_workers(
        self, window: Window, model: str | None = None, profile: str | None = None
    ) -> float | None:
        """Live workers over the window: those of a profile (None: of all) that serve a model (None: any).

        The mean of the health lines inside the window, which come once a second. None where there are none,
        and where another profile, or an alias, answered for this one: its rates would be shared among the
        wrong.
        """
        lines = [line for line in self._lines if window.start_ns <= line["t_ns"] < window.end_ns]
        if not lines or any(profile in {None, asked} for asked, _ in self._strangers):
            return None
        counts = [_live(line, model) for line in lines]
        name = profile.lower() if profile else None
        return float(np.mean([sum(n for p, n in live.items() if name in {None, p}) for live in counts]))


def told(run: Run) -> list[dict[str, Any]]:
    """The health lines in which the gateway answered."""
    return [line for line in run.health if "error" not in line]


def _strangers(run: Run, lines: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Answered requests by the profile that was asked for and, where that had no worker, who had."""
    found: Counter[tuple[str, str]] = Counter()
    if not lines:
        return found
    for (profile, model, line), count in _asked(run, [line["t_ns"] for line in lines]).items():
        live = {name for name, workers in _live(lines[line], model).items() if workers}
        others = live - {profile.lower()}
        if profile.lower() not in live and others:
            alias = f"{profile.lower()}{SPOT}"
            found[profile, alias if alias in others else ", ".join(sorted(others))] += count
    return found


def _asked(run: Run, line_ns: list[int]) -> Counter[tuple[str, str, int]]:
    """Answered requests by profile, model and the number of the last health line before they were sent."""
    rows = run.requests
    answered = rows["outcome"].isin([Outcome.OK, Outcome.DEGRADED])
    asked = (answered & rows["profile"].notna() & rows["handed_ns"].notna()).to_numpy()
    handed_ns = rows["handed_ns"].to_numpy(dtype=np.int64, na_value=0)[asked]
    last = np.maximum(np.searchsorted(line_ns, handed_ns, "right") - 1, 0)
    profiles, models = rows["profile"].cat, rows["model"].cat
    codes = profiles.codes.to_numpy(dtype=np.int64)[asked] * len(models.categories)
    counts = np.bincount((codes + models.codes.to_numpy()[asked]) * len(line_ns) + last)
    found = Counter[tuple[str, str, int]]()
    for code in np.flatnonzero(counts):
        lane, line = divmod(int(code), len(line_ns))
        profile, model = divmod(lane, len(models.categories))
        found[str(profiles.categories[profile]), str(models.categories[model]), line] = int(counts[code])
    return found


def _live(line: Mapping[str, Any], model: str | None) -> Mapping[str, int]:
    """Workers per profile that have the model loaded; where none tells of the model, all of them."""
    serving: Mapping[str, Mapping[str, int]] = line.get("serving") or {}
    live: Mapping[str, int] = (serving.get(model) if model else None) or line["live"]
    return {name.lower(): count for name, count in live.items()}


def _sentence(profile: str, by: str, count: int) -> str:
    if by == f"{profile.lower()}{SPOT}":
        return f"{profile} was asked for, but {by} was alive: {count} requests were served by that alias"
    return (
        f"{profile} was asked for, but only {by} was alive: {count} requests were answered by the wrong "
        f"profile, and their numbers under {profile} are not those of {profile}"
    )
