"""Commands that look at scenarios and results, and the words they are explained with."""

import csv
import json
import re
from pathlib import Path

import pytest

from tests.commands.cli import SCENARIOS, bench
from tests.conftest import ROOT

COMMANDS = (
    "run",
    "preview",
    "calibrate",
    "aa",
    "ab",
    "compare",
    "gate",
    "trend",
    "baseline",
    "capacity",
    "profiles",
    "plan",
    "provision",
    "simulate",
    "fit",
    "validate",
    "schema",
    "summary",
    "report",
    "export",
    "salvage",
    "sim",
)


def test_preview_shows_what_would_be_sent_and_sends_nothing(tmp_path: Path) -> None:
    """Requests by class and profile, the rate, and the peak in flight."""
    said = bench("preview", SCENARIOS / "smoke.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "40 arrivals in 10 s: 4.00/s, busiest second 4" in said.out
    assert "peak in flight about" in said.out
    assert all(len(line) <= 100 for line in said.out.splitlines())
    assert not list(tmp_path.iterdir())


def test_shipped_scenarios_are_sound(tmp_path: Path) -> None:
    """`bench validate` on all of them."""
    shipped = sorted(SCENARIOS.glob("*.yaml"))
    said = bench("validate", *shipped, cwd=tmp_path)
    assert said.code == 0, said.err
    assert said.out.count(": sound") == len(shipped) >= 6


def test_the_schema_is_json_schema(tmp_path: Path) -> None:
    """It parses, and knows the scenario's keys."""
    tree = json.loads(bench("schema", cwd=tmp_path).out)
    assert "arrivals" in tree["properties"]


def test_summary_and_csv_can_be_had_from_a_folder_any_time_later(tmp_path: Path) -> None:
    """The newest run is taken where none is named; the CSV has a row a request."""
    bench("run", SCENARIOS / "smoke.yaml", "--set", "duration_s=2", "--set", "warmup_s=0", cwd=tmp_path)
    assert "whole run" in bench("summary", cwd=tmp_path).out
    said = bench("export", "--out", "csv", cwd=tmp_path)
    assert said.code == 0, said.err
    with (tmp_path / "csv" / "requests.csv").open(newline="") as rows:
        assert [row["index"] for row in csv.DictReader(rows)] == [str(index) for index in range(8)]
    assert (tmp_path / "csv" / "summary.csv").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_and_stands_in_the_readme(command: str, tmp_path: Path) -> None:
    """`--help` says something, and the README names the command."""
    said = bench(command, "--help", cwd=tmp_path)
    assert said.code == 0
    assert len(said.out) > 100
    assert re.search(rf"`bench {command}\b", (ROOT / "README.md").read_text())


def test_no_command_is_missing_from_this_list(tmp_path: Path) -> None:
    """What `bench --help` lists is what is tested here."""
    listed = re.findall(r"^  ([a-z]+) ", bench("--help", cwd=tmp_path).out.split("Commands")[1], re.MULTILINE)
    assert set(listed) == set(COMMANDS)
