"""A run folder -> a Run in memory.

AnalysisError   the folder lacks what an analysis needs, or holds it damaged; the message says what to type
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from bench.record import REQUESTS, FolderError, RunFolder, RunInfo
from bench.scenario import Scenario

# Columns that no number is made of: of ten million requests they would fill a gigabyte.
_UNUSED = {"attempt_log", "request_id", "attempt_id", "user", "conversation", "turn", "worker", "headers_ns",
           "items_asked", "request_bytes", "response_bytes", "server_ttft_ms", "server_tpot_ms",
           "server_queue_ms", "server_inference_ms"}  # fmt: skip

# pandas' own integers cannot be missing: None would become NaN, and 2**60 + 1 would become 2**60.
_NULLABLE = {pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}


class AnalysisError(Exception):
    """A run that cannot be analysed; one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run: its facts, what it was asked to do, and a typed row per scheduled request.

    `requests` has the columns of `requests.parquet` that numbers are made of, which leaves out the attempt
    logs, the server's own word, sizes in bytes and who sent it; integers that may be missing are
    nullable, words are categories. The rest: `pandas.read_parquet(run.folder.requests_file)`.
    """

    folder: RunFolder
    info: RunInfo
    scenario: Scenario
    requests: pd.DataFrame
    health: tuple[dict[str, Any], ...]

    def events(self) -> Iterator[pa.Table]:
        """The stream events (`record.EVENTS`), one row group at a time."""
        if not self.folder.events_file.exists():
            return
        with pq.ParquetFile(self.folder.events_file) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)

    def attempts(self) -> pd.DataFrame:
        """A row per try of those requests that were tried more than once.

        `row` is the position in `requests`; the other columns are those of `record.Attempt`.
        """
        log = pa.array([], REQUESTS.field("attempt_log").type)
        if (self.requests["attempts"] > 1).any():
            file = pq.read_table(self.folder.requests_file, columns=["attempt_log"])
            log = file["attempt_log"].combine_chunks()
        flat = pa.Table.from_struct_array(pc.list_flatten(log))
        return _frame(flat.append_column("row", pc.list_parent_indices(log)))


def load(folder: RunFolder) -> Run:
    """Read a run. Raises FolderError for no run folder, AnalysisError for one that cannot be analysed."""
    info = folder.info()
    if not folder.requests_file.exists():
        raise AnalysisError(f"{folder.path} has no requests.parquet yet: run `bench salvage {folder.path}`")
    try:
        scenario = Scenario.model_validate_json(json.dumps(info.scenario))
        requests = _requests(folder.requests_file)
    except ValidationError as error:
        raise AnalysisError(
            f"{folder.path}: run.json holds a scenario of another version ({error})"
        ) from None
    except pa.ArrowException as error:
        raise AnalysisError(
            f"{folder.requests_file} is damaged ({error}): run `bench salvage {folder.path}`"
        ) from error
    return Run(folder, info, scenario, requests, tuple(folder.health()))


def _requests(file: Path) -> pd.DataFrame:
    """A column at a time, for a long run fits into memory once, but not twice."""
    with pq.ParquetFile(file) as parquet:
        names = [name for name in parquet.schema_arrow.names if name not in _UNUSED]
        columns = {name: _column(parquet.read(columns=[name]), name) for name in names}
    return pd.DataFrame(columns, copy=False)


def _column(table: pa.Table, name: str) -> "pd.Series[Any] | pd.arrays.IntegerArray":
    """What `_frame` makes of it; nullable integers without a copy, for pandas makes one."""
    column, kind = table[name], table.schema.field(name)
    if not (kind.nullable and kind.type in _NULLABLE and column.num_chunks == 1):
        return _frame(table)[name]
    chunk = column.chunk(0)
    known = pa.Array.from_buffers(kind.type, len(chunk), [None, chunk.buffers()[1]], offset=chunk.offset)
    return pd.arrays.IntegerArray(known.to_numpy(), chunk.is_null().to_numpy(zero_copy_only=False))


def _frame(table: pa.Table) -> pd.DataFrame:
    kinds = _NULLABLE if any(field.nullable for field in table.schema) else {}
    frame: pd.DataFrame = table.to_pandas(types_mapper=kinds.get)
    return frame


def newest(results: Path) -> RunFolder:
    """The run folder in `results` that was made last. Raises FolderError where there is none."""
    runs = sorted(results.glob("*/run.json"), key=lambda file: file.stat().st_mtime_ns)
    if not runs:
        raise FolderError(f"{results} holds no run folder: make one with `bench run scenarios/smoke.yaml`")
    return RunFolder(runs[-1].parent)
