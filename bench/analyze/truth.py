"""The truth log of `bench sim --null`, as its format is documented in docs/sim.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pandas as pd

from bench.analyze.run import AnalysisError


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What really happened to first tries, in ns from the run's start; NA where the kernel gave no stamp.

    `events`: `index`, `sequence`, `due_ns`, `departed_ns`. `arrived_ns` and `answered_ns` (the departure of
    a whole reply) are by index.
    """

    events: pd.DataFrame
    arrived_ns: "pd.Series[Any]"
    answered_ns: "pd.Series[Any]"


def read_truth(path: Path, start_ns: int) -> Truth:
    """Read a log of a run that started at `start_ns` on CLOCK_MONOTONIC; a torn last entry is left out.

    Raises AnalysisError where it is no log of `--null`.
    """
    rows = _rows(path)
    header = next(rows, None)
    if not isinstance(header, dict) or not header.get("settings", {}).get("null"):
        raise AnalysisError(f"{path} is no truth log of `bench sim --null`")
    names = ["index", "attempt", "sequence", "kind", "due_ns", "before_ns", "departed_ns"]
    frame = pd.DataFrame((row[:7] for row in rows if row[1] == 1), columns=names)
    kinds = frame.pop("kind")
    integers = frame.astype(dict.fromkeys(("due_ns", "departed_ns"), "Int64")).astype(
        dict.fromkeys(("index", "sequence"), "int64")
    )
    integers[["due_ns", "departed_ns"]] -= start_ns
    events = integers[kinds == "event"][["index", "sequence", "due_ns", "departed_ns"]]
    return Truth(
        events=events.reset_index(drop=True),
        arrived_ns=_by_index(integers[kinds == "arrived"], "due_ns"),
        answered_ns=_by_index(integers[kinds == "end"], "departed_ns"),
    )


def _by_index(rows: pd.DataFrame, column: str) -> "pd.Series[Any]":
    return rows.set_index("index")[column]


def _rows(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        yield from msgpack.Unpacker(file)
