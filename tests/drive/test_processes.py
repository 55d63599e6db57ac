"""`--processes N`: several workers drive one run, and from outside it is the same run."""

import os
import signal
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest

from bench.record import join
from bench.sim.truth import read_truth
from tests.commands.locusts import free_port
from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, Drive, child, counts, drive, prepared, requests_of

TWO = ("--processes", "2")
LOOP = SCENARIO.replace(
    "arrivals: {process: constant, rate_per_s: 10}", "closed_loop: {users: 5, think_time_s: 0.05}"
)


def worker_pid(run: Drive, number: int) -> int:
    """The process of one worker."""
    return child(run.process.pid, f"--worker\0{number}")


def shared_by_index(frame: pd.DataFrame, workers: int = 2) -> bool:
    """Whether each request of an open loop was its worker's to send."""
    return bool((frame["worker"] == frame["index"] % workers).all())


def test_slices_are_disjoint_and_whole_and_the_schedule_is_that_of_one_process(
    sim: Sim, tmp_path: Path
) -> None:
    """Three workers and one: the same hash and instants, each request sent once, each log a third."""
    url = sim(*FLEET)
    alone, shared = prepared(tmp_path / "1", url), prepared(tmp_path / "3", url)
    one, three = drive(alone), drive(shared, "--processes", "3")
    assert alone.info().schedule == shared.info().schedule
    assert (alone.info().processes, shared.info().processes) == (1, 3)
    assert (one["scheduled_ns"] == three["scheduled_ns"]).all()
    assert counts(three) == {"ok": 40}
    assert shared_by_index(three, 3)
    assert len(shared.log_files()) == 3
    assert set(one["worker"]) == {0}


def test_all_workers_start_at_one_instant(sim: Sim, tmp_path: Path) -> None:
    """By the gateway's own clock each request arrived when its record says, counted from the one start."""
    truth = tmp_path / "truth.msgpack"
    folder = prepared(tmp_path, sim(*FLEET, "--truth", str(truth)))
    frame = drive(folder, *TWO).set_index("index")
    clock, (_, entries) = folder.info().clock, read_truth(truth)
    assert clock is not None
    arrived = {e.span or 0: e.modelled_ns for e in entries if (e.kind, e.attempt) == ("arrived", 1)}
    handed = frame["handed_ns"] + clock.monotonic_ns
    late_s = (pd.Series(arrived).sort_index() - handed) / 1e9
    assert len(late_s) == 40
    assert late_s.between(-0.001, 1).all()


def test_users_of_a_closed_loop_are_split_and_each_keeps_its_turns(sim: Sim, tmp_path: Path) -> None:
    """Five users on two workers: user modulo 2, one request at a time, and no turn twice."""
    folder = prepared(tmp_path, sim(*FLEET), LOOP)
    frame = drive(folder, *TWO)
    assert set(frame["user"]) == set(range(5))
    assert (frame["worker"] == frame["user"] % 2).all()
    assert (frame["index"] % 5 == frame["user"]).all()
    for _, mine in frame.groupby("user"):
        assert (mine["scheduled_ns"].to_numpy()[1:] >= mine["end_ns"].to_numpy()[:-1]).all()
    assert folder.info().generator["connections"] == 6


def test_what_the_workers_tell_of_themselves_is_put_together(sim: Sim, tmp_path: Path) -> None:
    """Counts and seconds are sums, lags the worst, and each worker's own facts stand beside them."""
    folder = prepared(tmp_path, sim(*FLEET))
    drive(folder, *TWO)
    told = folder.info().generator
    first, second = told["workers"]
    assert (first["worker"], second["worker"]) == (0, 1)
    for name in ("engine_cpu_s", "engine_spun_s", "loop_beats", "connections_reused"):
        assert told[name] == pytest.approx(first[name] + second[name])
    assert told["connections_reused"] == 40
    for name in ("loop_lag_max_s", "gc_pause_max_s", "ended_at_s"):
        assert told[name] == max(first[name], second[name])
    assert told["process_cpu_s"] >= first["process_cpu_s"] + second["process_cpu_s"]
    assert 0 <= told["others_share"] <= 1


def test_tries_of_a_cold_lane_are_made_by_the_worker_of_the_request(sim: Sim, tmp_path: Path) -> None:
    """`retry: wait` works in each worker; every try is on the record."""
    url = sim("--fleet", "a100-40gb=0..1", "--cold-start-scale", "0.015")
    changes = ("retry.policy=wait", "retry.cap_s=1", "drain_s=20")
    frame = drive(prepared(tmp_path, url, SCENARIO, *changes), *TWO)
    assert counts(frame) == {"ok": 40}
    again = frame[frame["attempts"] > 1]
    assert set(again["worker"]) == {0, 1}
    assert (again["attempt_log"].map(len) == again["attempts"]).all()
    assert shared_by_index(frame)


def test_a_pool_and_its_credential_are_the_leader_s_and_a_key_reaches_each_worker(
    sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool is made once, both workers are let in, and no key stands on a command line."""
    keys = {"BENCH_TEST_KEY": "traffic-1", "BENCH_TEST_ADMIN_KEY": "admin-1"}
    guard = ("--auth", "static", "--token-env", "BENCH_TEST_KEY", "--admin-token-env", "BENCH_TEST_ADMIN_KEY")
    for name, key in keys.items():
        monkeypatch.setenv(name, key)
    url = sim(*FLEET, "--dialect", "0.10", *guard)
    named = ("target.api_key_env=BENCH_TEST_KEY", "target.admin_key_env=BENCH_TEST_ADMIN_KEY")
    made = ("pools=[{name: lab, gpus: {a100-40gb: 1}, wait_s: 20}]", "classes.chat.pool=lab")
    run = Drive(prepared(tmp_path, url, SCENARIO, *named, *made), *TWO)
    run.until_sent(10)
    for number in (0, 1):
        line = Path(f"/proc/{worker_pid(run, number)}/cmdline").read_bytes()
        assert not any(key.encode() in line for key in keys.values())
    code, out, err = run.end()
    assert (code, err) == (0, "")
    assert out.count("pool lab deleted") == 1
    assert counts(requests_of(run.folder)) == {"ok": 40}


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_reaches_every_worker(times: int, sim: Sim, tmp_path: Path) -> None:
    """Once: what was sent ends well. Twice: it is cancelled. The rest is not sent, by whose slice it was."""
    tokens = 100 if times == 1 else 4000
    changes = ("duration_s=60", f"classes.chat.output_tokens={tokens}")
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, *changes), *TWO)
    run.until_sent(20)
    for _ in range(times):
        run.interrupt()
        time.sleep(1)
    code, _, err = run.end()
    assert (code, err) == (130, "")
    frame = requests_of(run.folder)
    ended = {"ok": "ok", "cancelled": "cancelled"}["ok" if times == 1 else "cancelled"]
    assert set(counts(frame)) <= {"ok", ended, "not_sent"}
    assert counts(frame)[ended] >= 20
    assert run.folder.info().state == "interrupted"
    assert shared_by_index(frame)


def test_the_end_of_the_parent_ends_every_worker(sim: Sim, tmp_path: Path) -> None:
    """A leader that is killed takes its workers along; their logs are whole and can be salvaged."""
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, "duration_s=60"), *TWO)
    run.until_sent(20)
    pids = [worker_pid(run, number) for number in (0, 1)]
    run.kill()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, "a worker lives on"
        time.sleep(0.1)
    books, doubts = join(run.folder, run.folder.info().processes)
    assert (books.scheduled, books.balanced) == (600, True)
    assert books.outcomes["ok"] >= 10
    assert (books.outcomes["unfinished"], doubts.torn_entries) == (0, 0)


# --- trouble -----------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_is_told_of_and_the_books_balance(sim: Sim, tmp_path: Path) -> None:
    """`kill -9` in the middle: the other goes on to its end, and what the lost one had is accounted for."""
    changes = ("duration_s=12", "classes.chat.output_tokens=150")
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, *changes), *TWO)
    run.until_sent(40)
    os.kill(worker_pid(run, 1), signal.SIGKILL)
    told = run.until_said("worker 1 was killed by signal 9")
    assert "the others go on" in told
    code, _, err = run.end()
    assert code == 70
    frame, info = requests_of(run.folder), run.folder.info()
    assert shared_by_index(frame)
    mine, other = frame[frame["worker"] == 1], frame[frame["worker"] == 0]
    assert counts(other) == {"ok": 60}
    found = counts(mine)
    assert set(found) == {"ok", "unfinished", "not_sent"}
    assert info.state == "salvaged"
    assert info.salvage is not None
    assert info.salvage.maybe_ended == found["unfinished"]
    (sentence,) = [line for line in info.warnings if "worker 1" in line]
    assert f"{found['unfinished']} were on their way" in sentence
    assert f"{found['not_sent']} were not sent" in sentence
    assert "of its 60 requests" in sentence
    assert err == sentence + "\n"


def test_users_of_a_lost_worker_are_missed(sim: Sim, tmp_path: Path) -> None:
    """In a closed loop its users ask no more; the others do, and the run ends in time."""
    run = Drive(prepared(tmp_path, sim(*FLEET), LOOP, "duration_s=8"), *TWO)
    run.until_sent(20)
    os.kill(worker_pid(run, 0), signal.SIGKILL)
    run.until_said("worker 0 was killed by signal 9")
    assert run.end()[0] == 70
    frame = requests_of(run.folder)
    last_s = frame.groupby("worker")["scheduled_ns"].max() / 1e9
    assert last_s[0] < 6 < 7 < last_s[1]
    assert counts(frame[frame["worker"] == 1]) == {"ok": int((frame["worker"] == 1).sum())}


def test_a_worker_with_another_schedule_stops_the_run_before_anything_is_sent(
    sim: Sim, tmp_path: Path
) -> None:
    """The trace changes after the leader has read it: exit 2, one sentence, no log, nothing arrived."""
    trace, truth = tmp_path / "trace.csv", tmp_path / "truth.msgpack"
    lines = [f"2026-01-01 00:00:{second:02},40,12" for second in range(4)]
    trace.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]) + "\n")
    traced = "classes.chat.input_tokens={distribution: trace}"
    folder = prepared(
        tmp_path,
        sim(*FLEET, "--truth", str(truth)),
        SCENARIO,
        f"arrivals={{process: trace, file: {trace}}}",
        traced,
    )
    run = Drive(folder, *TWO)
    run.until_said("asking")
    trace.write_text(trace.read_text().replace(",40,", ",41,"))
    code, _, err = run.end()
    assert code == 2
    assert "makes another schedule" in err
    assert err.count("\n") == 1
    assert not folder.log_files()
    assert folder.info().clock is None
    assert not [entry for entry in read_truth(truth)[1] if entry.attempt]


def test_an_interrupt_while_workers_begin_leaves_none_behind(sim: Sim, tmp_path: Path) -> None:
    """Before the start there is no run to keep, and no process."""
    run = Drive(prepared(tmp_path, sim(*FLEET)), *TWO)
    run.until_said("starting 2 workers")
    time.sleep(0.3)
    pids = [worker_pid(run, number) for number in (0, 1)]
    run.interrupt()
    code, _, err = run.end()
    assert (code, err) == (130, "")
    assert not run.folder.log_files()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_worker_that_dies_before_the_start_stops_the_run(sim: Sim, tmp_path: Path) -> None:
    """Nothing was sent, no log stays, the other worker is ended too, and the sentence names the dead one."""
    run = Drive(prepared(tmp_path, sim(*FLEET)), *TWO)
    run.until_said("starting 2 workers")
    time.sleep(0.3)
    pids = [worker_pid(run, number) for number in (0, 1)]
    os.kill(pids[1], signal.SIGKILL)
    code, _, err = run.end()
    assert (code, err) == (70, "worker 1 was killed by signal 9 before the start\n")
    assert not run.folder.log_files()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_worker_that_falls_silent_is_given_up(sim: Sim, tmp_path: Path) -> None:
    """One that is stopped for good is killed after half a minute without a word, and missed."""
    # Replies take more than a second, so that each worker waits for some at any time.
    changes = ("drain_s=1", "duration_s=5", "classes.chat.output_tokens=200")
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, *changes), *TWO)
    run.until_sent(20)
    os.kill(worker_pid(run, 0), signal.SIGSTOP)
    run.interrupt()
    assert run.end()[0] == 130
    (sentence,) = [line for line in run.folder.info().warnings if "worker 0" in line]
    assert "it said nothing for 30 s" in sentence
    assert run.folder.info().state == "salvaged"
    assert counts(requests_of(run.folder))["unfinished"] >= 1


def test_the_page_of_locust_shows_the_sums(sim: Sim, tmp_path: Path) -> None:
    """While the run goes on it counts the requests of both workers; its Stop button stops both."""
    folder, port = prepared(tmp_path, sim(*FLEET), SCENARIO, "duration_s=60"), free_port()
    run = Drive(folder, *TWO, "--web-port", str(port))
    run.until_sent(40)
    page = f"http://127.0.0.1:{port}"
    seen = httpx.get(f"{page}/stats/requests").json()
    assert {row["name"]: row["num_requests"] for row in seen["stats"]}["Aggregated"] >= 30
    httpx.post(f"{page}/stop").raise_for_status()
    code, _, err = run.end()
    assert (code, err) == (130, "")
    assert set(counts(requests_of(folder))) == {"ok", "not_sent"}
