"""`bench trend`, `bench baseline` and `bench gate RUNS` on folders: exit codes, files, sentences."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.record import TargetSaid
from tests.analyze.runs import MS, S, scenario, streamed, write_run
from tests.commands.cli import bench, one_line

POLICY = "min_window_s: 40\nmetrics: [{metric: ttft.p50, margin: 0.05}, {metric: tpot.p50, margin: 0.05}]\n"


def write_night(path: Path, night: int, slower: float = 0.0, rate: float = 6.0, **info: Any) -> None:
    """A run of a minute on that night; each token comes later by this share."""
    random = np.random.default_rng(night)
    own = (1 + slower) * (1 + 0.005 * random.normal())
    first_ns = (random.lognormal(np.log(100), 0.3, round(60 * rate)) * MS).astype(int)
    gap_ns = round(20 * MS * own)
    rows = [
        streamed(i, round(i / rate * S), [int(first) + gap * gap_ns for gap in range(4)], 4)
        for i, first in enumerate(first_ns)
    ]
    facts: dict[str, Any] = {
        "run_id": str(path),
        "created": f"2026-11-{1 + night:02d}T01:00:00Z",
        "labels": {"build": f"b{night}"},
        "host": {"node": "here"},
        "target": TargetSaid(kind="sie", url="http://host:1", live_workers={"l4": 2}),
    }
    write_run(path, rows, scenario(arrivals={"process": "constant", "rate_per_s": rate}), **(facts | info))


def history(tmp_path: Path, slow: tuple[float, ...]) -> None:
    """A run a night in `results`, and the policy."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    for night, slower in enumerate(slow):
        write_night(tmp_path / "results" / f"night-{night:02d}", night, slower)


def test_the_trend_names_the_build_at_which_it_moved(tmp_path: Path) -> None:
    """Eight builds, and six slower ones; --strict turns the advice into exit code 1; the JSON is whole."""
    history(tmp_path, (0.0,) * 8 + (0.2,) * 6)
    said = bench("trend", "results", "--policy", "policy.yaml", "--json", "trend.json", cwd=tmp_path)
    assert said.code == 0, said.err
    assert all(len(line) <= 100 for line in said.out.splitlines())
    assert "Confirmed: tpot.p50 worse by" in said.out
    assert "since b8 (2026-11-09T01:00), after b7; 6 points after it" in one_line(said.out)
    found = json.loads((tmp_path / "trend.json").read_text())
    assert (found["format_version"], found["exit_code"], found["runs"]) == (1, 0, 14)
    changes = {one["name"]: [change["build"] for change in one["changes"]] for one in found["series"]}
    assert changes == {"ttft.p50": [], "tpot.p50": ["b8"]}
    assert bench("trend", "results", "--policy", "policy.yaml", "--strict", cwd=tmp_path).code == 1


def test_a_history_that_is_too_short_says_so(tmp_path: Path) -> None:
    """Three runs: advice exits with 0, --strict with 3; a folder without runs is bad usage.

    A run that crashed is left out by name, and makes no baseline.
    """
    history(tmp_path, (0.0,) * 3)
    (tmp_path / "results" / "night-02" / "requests.parquet").unlink()
    said = bench("trend", "results", cwd=tmp_path)
    assert "nothing can be told" in said.out.lower()
    assert "left out: night-02: " in said.out
    assert "bench salvage" in one_line(bench("baseline", "set", "results", cwd=tmp_path).err)
    assert bench("trend", "results", "--strict", cwd=tmp_path).code == 3
    (tmp_path / "empty").mkdir()
    said = bench("trend", "empty", cwd=tmp_path)
    assert said.code == 2
    assert "is no run folder and holds none" in said.err


def test_a_baseline_is_stored_shown_and_judged_by(tmp_path: Path) -> None:
    """Six runs are kept; equal runs pass, slower ones fail by name; the files are left where asked."""
    history(tmp_path, (0.0,) * 6)
    assert "no baseline is stored" in bench("baseline", "show", cwd=tmp_path).out
    said = bench("baseline", "set", "results", cwd=tmp_path)
    assert said.code == 0, said.err
    (file,) = (tmp_path / "results" / "baselines").glob("*.json")
    assert len(json.loads(file.read_text())["runs"]) == 6
    assert "in place of the one set at" in one_line(bench("baseline", "set", "results", cwd=tmp_path).out)
    shown = one_line(bench("baseline", "show", cwd=tmp_path).out)
    assert "on l4, load from here" in shown
    assert "6 runs of b0, b1, b2, b3, b4, b5" in shown
    for night in range(6, 12):
        write_night(tmp_path / "new" / f"n{night}", night)
        write_night(tmp_path / "slow" / f"n{night}", night, 0.2)
    words = ("--policy", "policy.yaml", "--out", "verdict")
    said = bench("gate", *sorted((tmp_path / "new").iterdir()), *words, cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert said.out.startswith("PASS: 2 gating metrics pass")
    said = bench("gate", *sorted((tmp_path / "slow").iterdir()), *words, cwd=tmp_path)
    assert said.code == 1, said.out
    assert said.out.startswith("FAIL: tpot.p50 +")
    found = json.loads((tmp_path / "verdict" / "gate.json").read_text())
    assert (found["mode"], found["verdict"]) == ("historical", "FAIL")


@pytest.mark.parametrize(
    ("facts", "code", "sentence"),
    [
        ({"rate": 7.0}, 2, "has no baseline of made"),
        ({"host": {"node": "there"}}, 2, "load from there"),
        ({"state": "interrupted"}, 4, "the run is interrupted, not complete"),
    ],
    ids=["other workload", "other machine", "invalid"],
)
def test_runs_without_a_baseline_of_theirs_are_not_judged(
    facts: dict[str, Any], code: int, sentence: str, tmp_path: Path
) -> None:
    """Another workload or machine is bad usage, and what there is is named; invalid runs are INVALID."""
    history(tmp_path, (0.0,) * 5)
    bench("baseline", "set", "results", cwd=tmp_path)
    for night in range(6, 11):
        write_night(tmp_path / "new" / f"n{night}", night, **facts)
    said = bench("gate", *sorted((tmp_path / "new").iterdir()), "--policy", "policy.yaml", cwd=tmp_path)
    assert said.code == code, said.out + said.err
    assert sentence in one_line(said.out + said.err)


def test_runs_that_make_no_baseline_are_refused(tmp_path: Path) -> None:
    """Too few of them; a stored file that was tampered with."""
    history(tmp_path, (0.0,) * 4)
    said = bench("baseline", "set", "results", cwd=tmp_path)
    assert said.code == 2
    assert "4 runs are too few for a baseline" in said.err
    (tmp_path / "results" / "baselines").mkdir()
    (tmp_path / "results" / "baselines" / "x.json").write_text("{}")
    said = bench("baseline", "show", cwd=tmp_path)
    assert said.code == 2
    assert "x.json is no baseline of ours" in said.err


def test_what_cannot_be_read_blocks_nothing_else(tmp_path: Path) -> None:
    """A baseline of another setting that is damaged: this one is stored all the same."""
    history(tmp_path, (0.0,) * 5)
    (tmp_path / "results" / "baselines").mkdir()
    (tmp_path / "results" / "baselines" / "x.json").write_text("{}")
    said = bench("baseline", "set", "results", cwd=tmp_path)
    assert said.code == 0, said.err


@pytest.mark.parametrize("option", ["--json", "--report"])
def test_a_file_without_a_folder_is_refused_before_the_work(option: str, tmp_path: Path) -> None:
    """Bad usage in a sentence, and nothing was read."""
    history(tmp_path, (0.0,))
    said = bench("trend", "results", option, "nowhere/trend", cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert "nowhere is no folder; make it first" in said.err
