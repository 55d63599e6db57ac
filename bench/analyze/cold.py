"""Was a lane cold when it was asked, and how far had its start come: by what the gateway told each second."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.analyze.run import Run
from bench.analyze.served import SPOT, told
from bench.analyze.window import Value
from bench.metrics import NS_PER_S


class Stage(Value):
    """When a start had come so far, in seconds after the demand: in (`low_s`, `high_s`]."""

    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Whom a request was for; None where it named nobody."""

    pool: str | None
    model: str
    profile: str | None

    def is_served_by(self, profile: str) -> bool:
        """Whether a worker of this profile is one of the lane's."""
        return self.profile is None or profile.lower() == self.profile.lower()


class Seen(NamedTuple):
    """It came about in (`low_ns`, `high_ns`], between two looks; from the run's start."""

    low_ns: float
    high_ns: float


class Newcomer(NamedTuple):
    """When a worker was first told of, and when it was to have the model."""

    registered: Seen
    loaded: Seen


@dataclass(frozen=True, slots=True)
class Progress:
    """When a worker of the lane was first told of, and when one had the model; None: never told."""

    registered: Stage | None
    loaded: Stage | None


def warm_before(run: Run, lane: Lane, demand_ns: float) -> str | None:
    """A sentence where a worker that had the model was alive by the last look before the demand."""
    lines = told(run)
    before = [line for line in lines if line["t_ns"] <= demand_ns] or lines[:1]
    count = having(before[-1], lane) if before else 0
    return f"{count} workers had {lane.model} loaded when it was asked first" if count else None


def having(line: Mapping[str, Any], lane: Lane) -> int:
    """Workers of the lane that had its model loaded, by this health line."""
    live = _serving(line, lane.model)
    return sum(count for profile, count in live.items() if lane.is_served_by(profile))


def stranger(run: Run, lane: Lane, ready_ns: float) -> str | None:
    """A sentence where, by the first look after the first success, only another profile can have answered."""
    after = next((line for line in told(run) if line["t_ns"] >= ready_ns), None)
    live = {name for name, count in _serving(after, lane.model).items() if count} if after else set()
    if not live or any(map(lane.is_served_by, live)):
        return None
    others = ", ".join(sorted(live))
    if f"{lane.profile}{SPOT}".lower() in {name.lower() for name in live}:
        return f"its alias {lane.profile}{SPOT} answered: ask for that profile by its name"
    return f"another profile answered for it ({others}), as a 0.4 gateway lets it"


def progress(run: Run, lane: Lane, demand_ns: float) -> Progress:
    """How far the start had come, as the gateway told once a second."""
    worker = newcomer(run, lane, demand_ns)
    if worker is None:
        return Progress(None, None)
    return Progress(stage(worker.registered, demand_ns), stage(worker.loaded, demand_ns))


def newcomer(run: Run, lane: Lane, after_ns: float) -> Newcomer | None:
    """The first worker of the lane that, as was told after this instant, has the model; None: none has."""
    joined: dict[str, Seen] = {}
    for low_ns, line in _looks(run):
        seen = Seen(low_ns, float(line["told_ns"]))
        joined |= {name: seen for name, profile in line["joined"].items() if lane.is_served_by(str(profile))}
        for name in line["loaded"].get(lane.model, ()) if seen.high_ns > after_ns else ():
            if name in joined:
                return Newcomer(joined[name], seen)
    return None


def _looks(run: Run) -> Iterator[tuple[float, Mapping[str, Any]]]:
    """Each health line that tells of news, with the instant at which the one before was asked for."""
    low_ns = float("-inf")
    for line in told(run):
        if "joined" in line:
            yield low_ns, line
        low_ns = float(line["t_ns"])


def stage(seen: Seen, demand_ns: float) -> Stage | None:
    """Seconds after the demand; None where it had been so before."""
    if seen.high_ns <= demand_ns:
        return None
    low_s = max(0.0, seen.low_ns - demand_ns) / NS_PER_S
    return Stage(low_s=low_s, high_s=(seen.high_ns - demand_ns) / NS_PER_S)


def _serving(line: Mapping[str, Any], model: str) -> Mapping[str, int]:
    found: Mapping[str, int] = (line.get("serving") or {}).get(model) or {}
    return found
