"""Several workers' facts and losses, as those of one generator."""

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.record import Outcome, RunFolder

LARGEST = frozenset({"engine_nice", "loop_lag_max_s", "gc_pause_max_s", "ended_at_s"})
"""Facts of which the largest counts; all other numbers are added."""

OF_THE_MACHINE = ("process_cpu_s", "cores", "others_share", "steal_share")
"""Facts that the leader tells for all: to one worker the others are strangers."""


def merged(told: Sequence[dict[str, Any]], machine: dict[str, Any]) -> dict[str, Any]:
    """One generator's facts: sums and maxima, the machine's, and under `workers` what each told."""
    own = [{name: fact for name, fact in one.items() if name not in _ALIEN} for one in told]
    living = [one for one in own if "lost" not in one]
    numbers = {name for one in living for name, fact in one.items() if isinstance(fact, int | float)}
    sums = {name: _merged(name, [one[name] for one in living]) for name in sorted(numbers - {"worker"})}
    return {**sums, **{name: machine[name] for name in OF_THE_MACHINE}, "workers": own}


_ALIEN = frozenset({"cores", "others_share", "steal_share", "stopped_early"})


def _merged(name: str, facts: list[float]) -> float:
    return max(facts) if name in LARGEST else round(sum(facts), 9)


def losses(folder: RunFolder, generator: dict[str, Any]) -> list[str]:
    """A sentence for each worker that was lost: when, how, and which requests with it. Needs the books."""
    workers = generator.get("workers", ())
    return [_loss(folder, one, len(workers)) for one in workers if "lost" in one]


def _loss(folder: RunFolder, one: dict[str, Any], workers: int) -> str:
    table = pq.read_table(folder.requests_file, columns=["worker", "outcome"])
    outcomes = table.filter(pc.equal(table["worker"], one["worker"]))["outcome"].to_pylist()
    unfinished, not_sent = (outcomes.count(word.value) for word in (Outcome.UNFINISHED, Outcome.NOT_SENT))
    return (
        f"worker {one['worker']} of {workers} {one['lost']} {one['lost_at_s']:.1f} s after the start: of its "
        f"{len(outcomes):,} requests {unfinished:,} were on their way and count as unfinished, "
        f"{not_sent:,} were not sent"
    )
