"""`bench capacity` in virtual time: what it finds, what it leaves, and how it goes on."""

import json
import signal
from pathlib import Path

import pytest

from bench.experiment import CapacitySearch, Made
from bench.record import RunFolder
from tests.commands.cli import SCENARIOS, bench, interrupted

CHECK = SCENARIOS / "capacity-check.yaml"
WORDS = ("capacity", CHECK, "--profile", "l4", "--simulate", "--set", "duration_s=7", "--set", "warmup_s=1")


@pytest.mark.timeout(600)
def test_a_search_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """The same bytes in both files, and what was under way is kept under another name."""
    whole = bench(*WORDS, "--out", "whole", cwd=tmp_path, limit_s=400)
    assert whole.code == 0, whole.out + whole.err
    killed = tmp_path / "killed"
    interrupted(*WORDS, "--out", "killed", cwd=tmp_path, by=signal.SIGKILL,
                when=lambda _: any(killed.glob("l4-06-*")))  # fmt: skip
    before = {run: run.stat().st_mtime_ns for run in killed.glob("l4-0[1-5]-*/summary.json")}
    assert len(before) == 5
    again = bench(*WORDS, "--no-report", "--resume", "killed", cwd=tmp_path, limit_s=400)
    assert again.code == 0, again.err
    assert before == {run: run.stat().st_mtime_ns for run in before}
    assert len(list(killed.glob("l4-06-*-stopped-1"))) == 1
    for name in ("capacity.json", "experiment.json", "search.json"):
        assert (killed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert next(line for line in whole.out.splitlines() if "confirmed at 95%" in line) in again.out
    assert (tmp_path / "whole/report.html").exists()
    assert not (killed / "report.html").exists()
    other = bench(*WORDS, "--seed", "9", "--resume", "whole", cwd=tmp_path)
    assert (other.code, "was begun with other options" in other.err) == (2, True)
    _can_be_planned_with(tmp_path)
    _what_the_runs_told_counts(tmp_path)


SOCKETS = ("capacity", CHECK, "--profile", "l4", "--set", "duration_s=2.5", "--set", "warmup_s=0.5", "--set",
           "drain_s=3", "--out")  # fmt: skip


def test_over_sockets_a_kill_costs_the_run_that_was_under_way_and_no_other(tmp_path: Path) -> None:
    """Gone on with at once: the finished run stays, the one under way is kept and made again, then the next.

    A burst has a length of its own, so the search begins with one that was made.
    """
    folder = tmp_path / "mine"
    interrupted(*SOCKETS, "mine", cwd=tmp_path, when=lambda _: (folder / "experiment.json").exists())
    begun = CapacitySearch.model_validate_json((folder / "experiment.json").read_text())
    facts = {"stage": "ceiling", "rate_per_s": 30, "seed": 1, "folder": "l4-01-ceiling", "what": "chat"}
    burst = Made.model_validate(facts | {"simulated": True, "virtual": False, "workers": 1})
    begun.with_run("l4", burst).save(folder)
    go_on = (*SOCKETS[:-1], "--no-report", "--resume", "mine")
    under_way = folder / "l4-02-bisect" / "log" / "worker-0.msgpack"
    interrupted(*go_on, cwd=tmp_path, by=signal.SIGKILL,
                when=lambda _: under_way.exists() and under_way.stat().st_size > 0)  # fmt: skip
    said = interrupted(*go_on, cwd=tmp_path, when=lambda _: (folder / "l4-03-bisect" / "log").exists())
    assert said.code == 130, said.err
    made = CapacitySearch.model_validate_json((folder / "experiment.json").read_text()).made["l4"]
    assert made[0] == burst
    assert [(run.seed, run.folder) for run in made[1:]] == [(2, "l4-02-bisect")]
    assert made[1].offered > 0
    assert (folder / "l4-02-bisect-stopped-1" / "run.json").exists()
    assert RunFolder(folder / "l4-02-bisect").info().state == "complete"
    assert "l4 run 1:" not in said.out


def _can_be_planned_with(folder: Path) -> None:
    """What a search leaves is what a plan reads."""
    (folder / "rates.csv").write_text("start_s,rate_per_s\n0,100\n3600,300\n7200,100\n")
    asked = ("plan", "--demand", "rates.csv", "--capacity", "whole", "--start", "l4=60", "--out", "plan")
    said = bench(*asked, cwd=folder)
    assert said.code == 0, said.err
    assert json.loads((folder / "plan/plan.json").read_text())["simulated"]
    kept = json.loads((folder / "whole/capacity.json").read_text())["profiles"]["l4"]
    assert 0 < kept["rate_per_s"] <= kept["estimate_per_s"]
    assert kept["rate_per_s"] < kept["refuted_per_s"]


def _what_the_runs_told_counts(folder: Path) -> None:
    """Runs against a simulated gateway that was given as a target leave capacities marked as simulated."""
    words = (*(word for word in WORDS if word != "--simulate"), "--target", "http://127.0.0.1:9")
    assert bench(*words, "--out", "url", cwd=folder).code == 2
    begun = json.loads((folder / "url/experiment.json").read_text())
    begun["made"] = json.loads((folder / "whole/experiment.json").read_text())["made"]
    (folder / "url/experiment.json").write_text(json.dumps(begun))
    said = bench(*words, "--no-report", "--resume", "url", cwd=folder)
    assert said.code == 0, said.err
    assert json.loads((folder / "url/capacity.json").read_text())["simulated"]


def test_the_tokens_of_a_mix_are_those_of_all_its_requests(tmp_path: Path) -> None:
    """Half of the requests generate 16 tokens, the others none: 8 a request is what a plan multiplies."""
    short = ("--set", "arrivals.process=poisson", "--set", "duration_s=6", "--set", "warmup_s=1")
    words = (SCENARIOS / "smoke.yaml", "--profile", "l4", "--simulate", *short, "--out", "mine")
    said = bench("capacity", *words, cwd=tmp_path)
    assert said.code in {0, 3}, said.err
    runs = json.loads((tmp_path / "mine/experiment.json").read_text())["made"]["l4"]
    told = [run["out_tokens"] for run in runs if run["stage"] == "bisect"]
    assert told
    assert all(5 < tokens < 11 for tokens in told)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((SCENARIOS / "trace.yaml", "--simulate"), "needs constant or poisson arrivals"),
        ((CHECK, "--simulate", "--target", "http://127.0.0.1:9"), "--simulate has no target"),
        ((CHECK, "--simulate", "--set", "classes.chat.slo=null"), "no class has an SLO"),
        ((CHECK, "--simulate", "--set", "classes.chat.slo.attainment=1"), "cannot be confirmed"),
        ((CHECK, "--resume", "nowhere"), "nowhere is no experiment"),
    ],
)
def test_what_cannot_be_searched_is_said(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    """Exit code 2 before anything is run, and no folder."""
    said = bench("capacity", *words, "--profile", "l4", cwd=tmp_path)
    assert said.code == 2, said.out
    assert expected in said.err
    assert not (tmp_path / "results").exists()
