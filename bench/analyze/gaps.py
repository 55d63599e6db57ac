"""The gaps between the token events of all answers, pooled, and the stalls among them."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.analyze.latency import Level, level_of
from bench.analyze.run import Run
from bench.analyze.streams import gap_lengths_ns, places
from bench.analyze.window import Value
from bench.metrics import NS_PER_S, Floats

STALL_S = 1.0
"""A longer gap is a stall: fixed, so that runs compare."""

Lane = tuple[str, str | None]


class Gaps(Value):
    """All gaps of the answers of a part, pooled (ITL in other tools), in seconds.

    `n` gaps in `answers` of two token events or more. Long answers weigh more, and a gap is per event, not
    per token. `stall_share`: answers with a gap above 1 s, of the `answers`.
    """

    unit: str = "s"
    n: int
    answers: int
    p50: Level
    p95: Level
    p99: Level
    stall_share: float


def pooled_gaps(run: Run, frame: pd.DataFrame) -> Mapping[Lane, Floats]:
    """Every gap (s) of the answers that were due in the window, by class and profile; `frame`: `measured`."""
    wanted = (frame["in_window"] & frame["answered"]).to_numpy()
    if not wanted.any():
        return {}
    rows, classes, profiles = (
        frame["index"].to_numpy(np.int64),
        frame["traffic_class"].cat,
        frame["profile"].cat,
    )
    lane_of = (classes.codes * (len(profiles.categories) + 1) + profiles.codes + 1).to_numpy()
    found: dict[int, list[Floats]] = defaultdict(list)
    for table in run.events():
        row, gap_ns = gap_lengths_ns(table)
        at = places(rows, table["index"].to_numpy())[row]
        known = (at >= 0) & wanted[at]
        lane, gap_s = lane_of[at[known]], gap_ns[known] / NS_PER_S
        for code in np.unique(lane):
            found[int(code)].append(gap_s[lane == code])
    names = [None, *map(str, profiles.categories)]
    return {
        (str(classes.categories[code // len(names)]), names[code % len(names)]): np.concatenate(parts)
        for code, parts in found.items()
    }


def gaps_of(
    pooled: Mapping[Lane, Floats], longest_s: Floats, name: str | None, profile: str | None
) -> Gaps | None:
    """The gaps of a part, whose answers have these longest ones; None where none has two events."""
    parts = [gaps for (c, p), gaps in pooled.items() if name in {None, c} and profile in {None, p}]
    if not parts:
        return None
    gap_s = np.concatenate(parts)
    longest_s = longest_s[~np.isnan(longest_s)]
    levels = {f"p{round(q * 100)}": level_of(gap_s, q) for q in (0.5, 0.95, 0.99)}
    return Gaps(
        n=gap_s.size, answers=longest_s.size, stall_share=float(np.mean(longest_s > STALL_S)), **levels
    )
