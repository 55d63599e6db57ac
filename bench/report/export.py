"""A run as flat CSV files, and its numbers as summary.json."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bench.analyze import LEVELS, Part, Run, Summary
from bench.metrics import RUN_METRICS
from bench.record import RunFolder, replace


def write_summary(folder: RunFolder, summary: Summary) -> Path:
    """Leave summary.json in the run folder."""
    replace(folder.summary_file, summary.to_json())
    return folder.summary_file


def export_csv(run: Run, path: Path) -> Path:
    """Every column of requests.parquet as CSV; not reported is empty, the attempt log is JSON."""
    with pq.ParquetFile(run.folder.requests_file) as file, path.open("wb") as sink:
        schema = _flat(file.schema_arrow.empty_table()).schema
        with pyarrow.csv.CSVWriter(sink, schema) as writer:
            for batch in file.iter_batches():
                writer.write_table(_flat(pa.Table.from_batches([batch])).cast(schema))
    return path


def _flat(table: pa.Table) -> pa.Table:
    logs = table["attempt_log"].to_pylist()
    texts = pa.array([json.dumps(log) if log else None for log in logs], pa.string())
    flat = table.set_column(table.schema.get_field_index("attempt_log"), "attempt_log", texts)
    words = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field for field in flat.schema
    ]
    return flat.cast(pa.schema(words))


def export_summary_csv(summary: Summary, path: Path) -> Path:
    """One row a number: class, profile, metric, statistic, value (s, per second or share), n, resolved."""
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(("traffic_class", "profile", "metric", "statistic", "value", "n", "resolved"))
        for part in (summary.overall, *summary.classes, *summary.lanes):
            writer.writerows((part.traffic_class, part.profile, *row) for row in _numbers(part))
    return path


def _numbers(part: Part) -> Iterator[tuple[Any, ...]]:
    for metric, spread in part.latencies.items():
        for name in LEVELS:
            level = spread.level(name)
            value = "inf" if level.beyond else level.value
            yield metric, name, value, spread.n, level.resolved
    for name in (name for name in RUN_METRICS if name in Part.model_fields):
        yield name, "mean", getattr(part, name), part.window.scheduled, True
    for outcome, count in part.window.outcomes.items():
        yield "outcome", outcome, count, part.window.scheduled, True
