"""The drive against the simulated gateway over real sockets, when things go wrong."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.metrics import quantile
from bench.record import join
from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, Drive, counts, drive, prepared, requests_of


def plan(path: Path, text: str) -> tuple[str, str]:
    """Options for a gateway with faults."""
    file = path / "faults.yaml"
    file.write_text(text, encoding="utf-8")
    return "--fault-plan", str(file)


def test_a_stall_is_charged_to_every_request_that_was_due_in_it(sim: Sim, tmp_path: Path) -> None:
    """2 s of stall in 30 s at a constant 20/s: p99 TTFT is 2 s less 1 % of the run, and the usual TTFT."""
    faults = plan(tmp_path, "[{at_s: 12.3, fault: stall, duration_s: 2}]")
    changes = ("duration_s=30", "arrivals.rate_per_s=20")
    frame = drive(prepared(tmp_path, sim(*FLEET, *faults), SCENARIO, *changes))
    ttft_s = ((frame["first_token_ns"] - frame["scheduled_ns"]) / 1e9).to_numpy(dtype=np.float64)
    assert len(frame) == 600
    assert set(frame["outcome"]) == {"ok"}
    assert quantile(ttft_s, 0.99) == pytest.approx(1.70 + quantile(ttft_s, 0.5), rel=0.05)


def test_books_balance_when_the_gateway_dies_in_the_middle(sim: Sim, tmp_path: Path) -> None:
    """Those in flight are lost or cut, those due later find nobody, and every one of them is on the books."""
    faults = plan(tmp_path, "[{at_s: 2, fault: kill}]")
    changes = ("classes.chat.output_tokens=60", "arrivals.rate_per_s=20")
    frame = drive(prepared(tmp_path, sim(*FLEET, *faults), SCENARIO, *changes))
    found = counts(frame)
    assert len(frame) == 80
    assert found["ok"] >= 10
    assert found["failed"] >= 35
    assert set(found) <= {"ok", "failed", "truncated"}
    assert set(frame.loc[frame["outcome"] != "ok", "reason"]) == {"connection_lost"}


def test_users_of_a_server_that_is_gone_do_not_keep_the_run_from_its_end(sim: Sim, tmp_path: Path) -> None:
    """Each asks again as soon as it is refused; the run still ends in time, and the books balance."""
    faults = plan(tmp_path, "[{at_s: 1, fault: kill}]")
    loop = SCENARIO.replace(
        "arrivals: {process: constant, rate_per_s: 10}", "closed_loop: {users: 4, think_time_s: 0}"
    )
    folder = prepared(tmp_path, sim(*FLEET, *faults), loop, "duration_s=3")
    found = counts(drive(folder))
    assert found["failed"] > found["ok"] > 0
    assert folder.info().generator["ended_at_s"] < 10


def test_the_first_interrupt_stops_sending_and_waits_for_replies(sim: Sim, tmp_path: Path) -> None:
    """What was sent ends well, the rest is not sent, and the folder is complete."""
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, "duration_s=60", "classes.chat.output_tokens=150"))
    run.until_sent(20)
    run.interrupt()
    code, _, err = run.end()
    assert (code, err) == (130, "")
    frame = requests_of(run.folder)
    assert set(counts(frame)) == {"ok", "not_sent"}
    assert run.folder.info().state == "interrupted"


def test_the_second_interrupt_ends_what_is_in_flight(sim: Sim, tmp_path: Path) -> None:
    """Requests in flight are cancelled, and the folder is complete."""
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, "duration_s=60", "classes.chat.output_tokens=4000"))
    run.until_sent(20)
    run.interrupt()
    time.sleep(1)
    run.interrupt()
    code, _, err = run.end()
    assert (code, err) == (130, "")
    found = counts(requests_of(run.folder))
    assert found["cancelled"] >= 20
    assert set(found) == {"cancelled", "not_sent"}


def test_after_a_kill_the_logs_still_make_the_books(sim: Sim, tmp_path: Path) -> None:
    """Ended, unfinished and not sent add up to the schedule, and what is uncertain is counted."""
    run = Drive(prepared(tmp_path, sim(*FLEET), SCENARIO, "duration_s=30", "classes.chat.output_tokens=300"))
    run.until_sent(40)
    run.kill()
    books, doubts = join(run.folder)
    assert books.balanced
    assert books.scheduled == 300
    assert books.outcomes["unfinished"] == doubts.maybe_ended > 0
    assert books.outcomes["not_sent"] > 200
    assert doubts.maybe_sent <= 10
    assert doubts.last_beat_ns is not None


def test_what_is_open_at_the_drain_limit_is_unfinished(sim: Sim, tmp_path: Path) -> None:
    """A reply that does not come in time is censored, not a failure."""
    faults = plan(tmp_path, "[{at_s: 2, fault: stall, duration_s: 60}]")
    frame = drive(prepared(tmp_path, sim(*FLEET, *faults), SCENARIO, "drain_s=1"))
    found = counts(frame)
    assert found["unfinished"] >= 10
    assert set(found) == {"ok", "unfinished"}
    assert frame.loc[frame["outcome"] == "unfinished", "end_ns"].isna().all()


def test_what_the_generator_has_no_socket_for_is_its_own_fault(sim: Sim, tmp_path: Path) -> None:
    """With too few file descriptors for its streams, requests are not sent; none counts as failed."""
    faults = plan(tmp_path, "[{at_s: 1, fault: stall, duration_s: 3}]")
    folder = prepared(tmp_path, sim(*FLEET, *faults), SCENARIO, "arrivals.rate_per_s=40")
    words = f"ulimit -n 70; exec {sys.executable} -m bench.drive {folder.path}"
    subprocess.run(["/bin/bash", "-c", words], check=True, stdout=subprocess.DEVNULL, timeout=120)
    found = counts(requests_of(folder))
    assert found["not_sent"] >= 20
    assert set(found) == {"ok", "not_sent"}


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_stops_the_run_and_what_was_written_can_be_salvaged(
    sim: Sim, tmp_path: Path, processes: str
) -> None:
    """One sentence and exit code 2, no traceback; afterwards the books are made of what the logs hold."""
    folder = prepared(tmp_path, sim(*FLEET), SCENARIO, "arrivals.rate_per_s=60")
    drive_it = f"exec {sys.executable} -m bench.drive {folder.path} --processes {processes}"
    words = ["/bin/bash", "-c", f"ulimit -f 16; {drive_it}"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "the run was stopped" in done.stderr
    salvage = [str(Path(sys.executable).with_name("bench")), "salvage", str(folder.path)]
    subprocess.run(salvage, check=True, stdout=subprocess.DEVNULL, timeout=120)
    found = counts(requests_of(folder))
    assert sum(found.values()) == 240
    assert found["ok"] > 10


def test_a_request_without_a_first_byte_is_given_up_at_its_time_out(sim: Sim, tmp_path: Path) -> None:
    """The time-out is named, and the request counts as timed out."""
    faults = plan(tmp_path, "[{at_s: 1, fault: stall, duration_s: 60}]")
    changes = ("timeouts.first_byte_s=2", "timeouts.token_s=2")
    frame = drive(prepared(tmp_path, sim(*FLEET, *faults), SCENARIO, *changes))
    late = frame[frame["outcome"] == "timed_out"]
    assert len(late) >= 25
    assert "first_byte_timeout" in set(late["reason"])
    assert set(late["reason"]) <= {"first_byte_timeout", "token_timeout"}
    waited_s = (late["end_ns"] - late["handed_ns"]) / 1e9
    assert waited_s.min() == pytest.approx(2, rel=0.05)


def test_a_cold_lane_refuses_until_it_is_warm(sim: Sim, tmp_path: Path) -> None:
    """Refusals say provisioning, and come to an end within the run."""
    url = sim("--fleet", "a100-40gb=0..1", "--cold-start-scale", "0.01")
    frame = drive(prepared(tmp_path, url, SCENARIO, "duration_s=8"))
    assert set(counts(frame)) == {"refused", "ok"}
    assert set(frame.loc[frame["outcome"] == "refused", "reason"]) == {"provisioning"}
    assert frame["outcome"].iloc[0] == "refused"
    assert frame["outcome"].iloc[-1] == "ok"


# --- targets that will not do ------------------------------------------------------------------------------


def refused(path: Path, url: str, *changes: str) -> str:
    """The one line of a drive that would not start; nothing was sent."""
    run = Drive(prepared(path, url, SCENARIO, *changes))
    code, _, err = run.end()
    assert code == 2
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert not run.folder.log_files()
    return err


def test_a_port_where_nobody_listens_is_named(tmp_path: Path) -> None:
    """One line says that nothing answers, and where."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert f"nothing answers at {url}" in refused(tmp_path, url)


def test_a_server_that_is_no_such_gateway_is_told_from_one(tmp_path: Path) -> None:
    """An ordinary web server answers, but not as a gateway does."""
    words = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path
    ) as server:
        line = server.stdout.readline() if server.stdout else ""
        port = line.split("port ")[1].split()[0]
        said = refused(tmp_path, f"http://127.0.0.1:{port}")
        server.terminate()
    assert "is no SIE gateway" in said
    assert "target.kind: openai" in said


def test_a_model_or_profile_that_the_gateway_has_not_is_named(sim: Sim, tmp_path: Path) -> None:
    """The line names class and value, and what there is."""
    url = sim(*FLEET)
    model = refused(tmp_path / "model", url, "classes.chat.model=Nobody/Nothing")
    assert "class chat: model 'Nobody/Nothing' is not served there" in model
    profile = refused(tmp_path / "profile", url, "classes.chat.profiles=[h900]")
    assert "class chat: profile 'h900' is not configured there; known: a100-40gb" in profile


def test_a_key_that_is_not_set_is_named_by_its_variable(sim: Sim, tmp_path: Path) -> None:
    """The line names the environment variable that is missing."""
    assert "BENCH_NO_SUCH_KEY" in refused(tmp_path, sim(*FLEET), "target.api_key_env=BENCH_NO_SUCH_KEY")


def test_a_broken_trace_stops_before_anything_is_sent(sim: Sim, tmp_path: Path) -> None:
    """The line names file, line and what to do."""
    trace = tmp_path / "trace.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2026-01-01 00:00:00,5,5\n2026-01-01,x,5\n")
    arrivals = f"arrivals={{process: trace, file: {trace}}}"
    said = refused(tmp_path, sim(*FLEET), arrivals)
    assert f"{trace}:3: broken line" in said
    assert "broken_lines: skip" in said
