"""Rows of events.parquet -> the gaps between the token events of a request."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bench.metrics import Floats


def places(wanted: npt.NDArray[np.int64], index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each of `index` stands among the `wanted`, which rise; -1 where it does not."""
    at = np.searchsorted(wanted, index)
    there = at < wanted.size
    there[there] = wanted[at[there]] == index[there]
    return np.where(there, at, -1)


def gap_lengths_ns(table: pa.Table) -> tuple[npt.NDArray[np.int64], Floats]:
    """Row and length (ns) of each gap between neighbouring events of one request."""
    event_ns = table["event_ns"].combine_chunks()
    row = pc.list_parent_indices(event_ns).to_numpy()
    arrived_ns = pc.list_flatten(event_ns).to_numpy()
    same = row[1:] == row[:-1]
    return row[1:][same], np.diff(arrived_ns)[same].astype(np.float64)


def longest_gap_ns(table: pa.Table) -> Floats:
    """For each row of events its longest gap; NaN with fewer than two events."""
    row, gap_ns = gap_lengths_ns(table)
    longest = np.full(len(table), np.nan)
    np.fmax.at(longest, row, gap_ns)
    return longest
