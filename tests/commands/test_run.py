"""`bench run` on the embedded simulated gateway, from the command line to the report."""

import json
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from tests.commands.cli import BENCH, SCENARIOS, bench, only_run
from tests.conftest import ROOT, Sim

SMOKE = SCENARIOS / "smoke.yaml"
SHORT = ("--set", "duration_s=4", "--set", "warmup_s=0.5")


def test_a_run_shows_progress_and_a_table_and_leaves_a_whole_folder(tmp_path: Path) -> None:
    """The smoke scenario: all four operations in the table, every file of a run folder on disk."""
    said = bench("run", SMOKE, *SHORT, "--label", "build=abc123", cwd=tmp_path)
    assert said.code == 0, said.err
    folder = only_run(tmp_path / "results")
    assert "in flight" in said.out
    assert all(name in said.out for name in ("chat", "generate", "encode", "score", "SIMULATED"))
    assert all(
        len(line) <= 100 for line in said.out.splitlines() if "report:" not in line and "->" not in line
    )
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "run.json",
        "scenario.yaml",
        "schedule.parquet",
        "log",
        "requests.parquet",
        "events.parquet",
        "health.jsonl",
        "summary.json",
        "report.html",
    }
    info = json.loads((folder / "run.json").read_text())
    assert info["labels"] == {"build": "abc123"}
    assert info["state"] == "complete"
    assert info["target"]["simulated"] is True


def test_check_exits_with_0_when_every_slo_is_met_and_1_naming_the_one_that_is_not(tmp_path: Path) -> None:
    """The same scenario, with a limit that any gateway keeps and with one that none can."""
    good = bench("run", SMOKE, *SHORT, "--check", cwd=tmp_path)
    assert good.code == 0, good.out
    tight = ("--set", "classes.chat.slo.ttft_ms=0.001", "--out", "tight")
    bad = bench("run", SMOKE, *SHORT, *tight, "--check", cwd=tmp_path)
    assert bad.code == 1
    assert "chat" in next(line for line in bad.out.splitlines() if "missed" in line.lower())


def test_a_run_in_which_every_request_is_refused_still_leaves_a_report_that_says_so(tmp_path: Path) -> None:
    """A lane that stays cold for the whole run: no latency, all refused, and a check that fails."""
    cold = ("--set", "sim.fleet=l4=0..1", "--set", "duration_s=3", "--check")
    said = bench("run", SMOKE, *cold, cwd=tmp_path)
    assert said.code == 1
    folder = only_run(tmp_path / "results")
    outcomes = pq.read_table(folder / "requests.parquet")["outcome"].to_pylist()
    assert set(outcomes) == {"refused"}
    assert "refused" in (folder / "report.html").read_text()


def test_rates_leave_a_folder_each_and_one_figure(tmp_path: Path) -> None:
    """Two rates: two run folders, the experiment's list of them, and a report with the figure."""
    said = bench("run", SMOKE, *SHORT, "--rates", "8,2", "--out", "sweep", cwd=tmp_path)
    assert said.code == 0, said.err
    experiment = json.loads((tmp_path / "sweep" / "experiment.json").read_text())
    assert [(run["rate_per_s"], run["done"]) for run in experiment["runs"]] == [(2, True), (8, True)]
    for rate in (2, 8):
        rows = pq.read_metadata(tmp_path / "sweep" / f"rate-{rate}" / "requests.parquet").num_rows
        assert rows == 4 * rate
    assert "<img" in (tmp_path / "sweep" / "report.html").read_text()


def test_a_gateway_of_the_users_own_is_loaded_and_left_running(sim: Sim, tmp_path: Path) -> None:
    """With --target nothing is started, and what was there still answers afterwards."""
    url = sim("--fleet", "l4=1")
    said = bench("run", SMOKE, *SHORT, "--target", url, "--set", "arrivals.rate_per_s=20", cwd=tmp_path)
    assert said.code == 0, said.err
    assert pq.read_metadata(only_run(tmp_path / "results") / "requests.parquet").num_rows == 80
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_ctrl_c_ends_with_130_a_report_and_balanced_books(tmp_path: Path) -> None:
    """One interrupt: the run is drained, concluded, and marked as interrupted."""
    words: list[str | Path] = [BENCH, "run", SMOKE, "--set", "duration_s=90", "--out", "run"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "log" / "worker-0.msgpack"
    while not log.exists() or log.stat().st_size < 2000:
        time.sleep(0.1)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "stopping" in out
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["state"] == "interrupted"
    assert info["books"]["scheduled"] == sum(info["books"]["outcomes"].values()) == 360
    assert (tmp_path / "run" / "report.html").exists()


def test_ctrl_c_while_a_run_is_prepared_leaves_nothing_behind(tmp_path: Path) -> None:
    """Before the first request there is no run to keep."""
    words: list[str | Path] = [BENCH, "run", SMOKE, "--set", "duration_s=90", "--out", "run"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        if "making the schedule" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert not (tmp_path / "run").exists()


def test_the_web_page_of_locust_shows_the_numbers_of_the_run(tmp_path: Path) -> None:
    """While the run goes on, Locust's page is served and counts the requests of each class."""
    words: list[str | Path] = [
        BENCH,
        "run",
        SMOKE,
        "--set",
        "duration_s=20",
        "--web-ui",
        "--web-port",
        "18097",
    ]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen: dict[str, int] = {}
    end = time.monotonic() + 60
    while not {"chat l4", "encode l4"} <= seen.keys() and time.monotonic() < end:
        time.sleep(0.5)
        seen = _page_counts("http://127.0.0.1:18097")
    assert "<title>Locust</title>" in httpx.get("http://127.0.0.1:18097/").text
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert seen["chat l4"] > 0


def _page_counts(url: str) -> dict[str, int]:
    try:
        rows = httpx.get(f"{url}/stats/requests").json()["stats"]
    except (httpx.HTTPError, ValueError):
        return {}
    return {row["name"]: row["num_requests"] for row in rows}


def test_locusts_own_command_line_leaves_a_run_folder_that_reports(sim: Sim, tmp_path: Path) -> None:
    """`locust -f bench/locustfile.py --headless` with five users for six seconds; then `bench report`."""
    locust = BENCH.with_name("locust")
    words: list[str | Path] = [
        locust,
        "-f",
        ROOT / "bench" / "locustfile.py",
        "--headless",
        "-u",
        "5",
        "-r",
        "5",
        "-t",
        "6s",
    ]
    done = subprocess.run(
        [*words, "--host", sim("--fleet", "l4=2")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = only_run(tmp_path / "results")
    requests = pq.read_table(folder / "requests.parquet").to_pandas()
    assert set(requests["user"]) <= set(range(5))
    assert "ok" in set(requests["outcome"])
    assert bench("report", folder, cwd=tmp_path).code == 0


def test_a_drive_that_is_killed_is_salvaged_into_a_report(tmp_path: Path) -> None:
    """`kill -9` in the middle: `bench run` says what to type, and that makes the books and the report."""
    words: list[str | Path] = [BENCH, "run", SMOKE, "--set", "duration_s=60", "--out", "run"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "log" / "worker-0.msgpack"
    while not log.exists() or log.stat().st_size < 2000:
        time.sleep(0.1)
        assert process.poll() is None
    subprocess.run(["/usr/bin/pkill", "-9", "-P", str(process.pid), "-f", "bench.drive"], check=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 70
    assert "bench salvage" in err
    said = bench("salvage", "run", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "not sent" in said.out
    assert "uncertain" in said.out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "unfinished" in page
    assert "uncertain" in page


@pytest.mark.parametrize("name", ["mixed", "trace", "cold-start", "scale-out", "chat-closed-loop"])
def test_each_shipped_scenario_runs(name: str, tmp_path: Path) -> None:
    """A few seconds of each, on the embedded gateway."""
    said = bench("run", SCENARIOS / f"{name}.yaml", *SHORT, cwd=tmp_path)
    assert said.code == 0, said.err


def test_salvage_leaves_a_run_that_goes_on_and_one_that_ended_well_as_they_are(tmp_path: Path) -> None:
    """While the drive lives its folder is not touched; afterwards there is nothing to salvage."""
    words: list[str | Path] = [BENCH, "run", SMOKE, "--set", "duration_s=12", "--out", "run"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run" / "log" / "worker-0.msgpack"
    while not log.exists():
        time.sleep(0.1)
        assert process.poll() is None
    early = bench("salvage", "run", cwd=tmp_path)
    assert early.code == 2
    assert "its run goes on" in early.err
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert "needs no salvage" in bench("salvage", "run", cwd=tmp_path).out
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "complete"


def test_ctrl_c_while_the_report_is_made_lets_it_be_finished(tmp_path: Path) -> None:
    """Exit code 130, no traceback, and a folder with everything in it."""
    words: list[str | Path] = [BENCH, "run", SMOKE, *SHORT, "--out", "run"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        if "making the report" in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "")
    assert (tmp_path / "run" / "report.html").exists()
