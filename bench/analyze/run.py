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

from bench.record import FolderError, RunFolder, RunInfo
from bench.scenario import Scenario

# Columns that cost memory and that no number is made of.
_HEAVY = {"attempt_log", "request_id", "attempt_id"}

# pandas' own integers cannot be missing: None would become NaN, and 2**60 + 1 would become 2**60.
_NULLABLE = {pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}


class AnalysisError(Exception):
    """A run that cannot be analysed; one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run: its facts, what it was asked to do, and a typed row per scheduled request.

    `requests` has the columns of `requests.parquet` but for the attempt logs and the server's ids; integer
    columns are nullable, words are categories.
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
        log = pq.read_table(self.folder.requests_file, columns=["attempt_log"])[
            "attempt_log"
        ].combine_chunks()
        flat = pa.Table.from_struct_array(pc.list_flatten(log))
        return _frame(flat.append_column("row", pc.list_parent_indices(log)))


def load(folder: RunFolder) -> Run:
    """Read a run. Raises FolderError for no run folder, AnalysisError for one that cannot be analysed."""
    info = folder.info()
    if not folder.requests_file.exists():
        raise AnalysisError(f"{folder.path} has no requests.parquet yet: run `bench salvage {folder.path}`")
    try:
        scenario = Scenario.model_validate_json(json.dumps(info.scenario))
        schema = pq.read_schema(folder.requests_file)
        columns = [name for name in schema.names if name not in _HEAVY]
        table = pq.read_table(folder.requests_file, columns=columns)
    except ValidationError as error:
        raise AnalysisError(
            f"{folder.path}: run.json holds a scenario of another version ({error})"
        ) from None
    except pa.ArrowException as error:
        raise AnalysisError(
            f"{folder.requests_file} is damaged ({error}): run `bench salvage {folder.path}`"
        ) from error
    return Run(folder, info, scenario, _frame(table), tuple(folder.health()))


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame


def newest(results: Path) -> RunFolder:
    """The run folder in `results` that was made last. Raises FolderError where there is none."""
    runs = sorted(results.glob("*/run.json"), key=lambda file: file.stat().st_mtime_ns)
    if not runs:
        raise FolderError(f"{results} holds no run folder: make one with `bench run scenarios/smoke.yaml`")
    return RunFolder(runs[-1].parent)
