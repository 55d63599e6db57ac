"""What each arm's runs saw of lanes that came up from cold: told beside the verdict, never judged by it."""

import math
from collections.abc import Iterator, Sequence

from bench.analyze.cold_starts import middle
from bench.analyze.gate.report import ArmStarts
from bench.analyze.gate.table import ARMS, Arm, RunRow
from bench.analyze.provisioning import Provisioning

Lane = tuple[str, str, str]


def starts_of(rows: Sequence[RunRow]) -> tuple[ArmStarts, ...]:
    """For each lane that any run saw start, what the runs of either arm saw."""
    by_arm = {arm: [start for row in rows if row.arm == arm for start in row.starts] for arm in ARMS}
    lanes = sorted({_lane(start) for starts in by_arm.values() for start in starts})
    return tuple(_seen(lanes, by_arm))


def _seen(lanes: Sequence[Lane], by_arm: dict[Arm, list[Provisioning]]) -> Iterator[ArmStarts]:
    for lane in lanes:
        for arm, starts in by_arm.items():
            mine = [start for start in starts if _lane(start) == lane]
            if mine:
                yield _arm_starts(arm, lane, mine)


def _arm_starts(arm: Arm, lane: Lane, starts: Sequence[Provisioning]) -> ArmStarts:
    pool, model, profile = lane
    ends = [math.inf if start.delay_high_s is None else start.delay_high_s for start in starts]
    median = middle([start.delay_low_s for start in starts], ends)
    cold = sum(start.still_cold for start in starts)
    where = f"{model} on {profile or 'any profile'}" + (f" in pool {pool}" if pool else "")
    end = "the end of the run or more" if median.high_s is None else f"{median.high_s:.1f} s"
    left = f", {cold} still cold at the end" if cold else ""
    return ArmStarts(
        arm=arm,
        pool=pool or None,
        model=model,
        profile=profile or None,
        count=len(starts),
        still_cold=cold,
        median_low_s=median.low_s,
        median_high_s=median.high_s,
        sentence=f"{arm}: {where} started from cold in {len(starts)} runs{left}; the median start took "
        f"{median.low_s:.1f} s to {end} (told, not judged)",
    )


def _lane(start: Provisioning) -> Lane:
    return start.pool or "", start.model, start.profile or ""
