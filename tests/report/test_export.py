import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bench.analyze import Summary, load, summarise
from bench.record import REQUESTS, Attempt
from bench.report import export_csv, export_summary_csv, write_summary
from tests.analyze.runs import MS, S, mixed_run, streamed, write_run


def test_requests_become_flat_csv(tmp_path: Path) -> None:
    """Every row and column is there, and an integer comes back as the same integer."""
    folder = mixed_run(tmp_path / "run")
    table = pd.read_csv(export_csv(load(folder), tmp_path / "requests.csv"))
    source = pq.read_table(folder.requests_file)
    assert list(table.columns) == REQUESTS.names
    assert table["scheduled_ns"].tolist() == source["scheduled_ns"].to_pylist()
    assert table["outcome"].tolist() == source["outcome"].to_pylist()
    assert table["out_tokens"].isna().sum() == source["out_tokens"].null_count


def test_attempts_are_json_in_their_cell(tmp_path: Path) -> None:
    """A request that was tried twice keeps both tries."""
    tries = (Attempt(S, 2 * S, 202, None, 5.0), Attempt(6 * S, 7 * S, 200, None, None))
    rows = [streamed(0, S, [6 * S, 7 * S], 2, attempts=2, attempt_log=tries), streamed(1, S, [MS, 2 * MS], 2)]
    table = pd.read_csv(export_csv(load(write_run(tmp_path / "run", rows)), tmp_path / "requests.csv"))
    first, second = table["attempt_log"]
    assert [attempt["status"] for attempt in json.loads(first)] == [202, 200]
    assert pd.isna(second)


def test_no_requests_make_an_empty_csv(tmp_path: Path) -> None:
    """The header is there all the same."""
    table = pd.read_csv(export_csv(load(write_run(tmp_path / "run", [])), tmp_path / "requests.csv"))
    assert list(table.columns) == REQUESTS.names
    assert table.empty


def test_the_summary_is_a_row_a_number(tmp_path: Path) -> None:
    """A spreadsheet finds each class, metric and statistic by name."""
    summary = summarise(load(mixed_run(tmp_path / "run")))
    table = pd.read_csv(export_summary_csv(summary, tmp_path / "summary.csv"))
    row = table[(table["metric"] == "ttft") & (table["statistic"] == "p50") & table["traffic_class"].isna()]
    assert float(row["value"].iloc[0]) == pytest.approx(summary.overall.latencies["ttft"].p50.value)
    assert int(row["n"].iloc[0]) == summary.overall.latencies["ttft"].n
    assert {"offered_rate", "goodput", "outcome"} <= set(table["metric"])


def test_summary_json_lies_in_the_folder(tmp_path: Path) -> None:
    """It is whole, and it is the summary."""
    folder = mixed_run(tmp_path / "run")
    summary = summarise(load(folder))
    assert Summary.model_validate_json(write_summary(folder, summary).read_text()) == summary
