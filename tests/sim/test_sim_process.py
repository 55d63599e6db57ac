"""The process: start, end, cold lanes, faults and the truth log."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bench.sim.faults import FaultPlanError, load_fault_plan
from bench.sim.truth import Span, parse_traceparent, read_truth
from tests.sim.process import Running, Start

CHAT = {
    "model": "Qwen/Qwen3-0.6B",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": 300,
    "stream": True,
}
COLD_ITEMS: dict[str, list[str]] = {"items": []}


def trace(index: int, attempt: int = 1) -> dict[str, str]:
    """The header that a measured request carries."""
    return {"traceparent": f"00-{'ab' * 16}-{attempt << 48 | index:016x}-01"}


def test_first_line_and_clean_end_on_sigterm(start: Start) -> None:
    """One JSON line says where it listens; SIGTERM ends it with 0, also with a stream open."""
    running = start("--fleet", "l4=1")
    assert running.said["dialect"] == "0.4"
    assert running.said["pid"] == running.process.pid
    with running.http.stream("POST", "/v1/chat/completions", json=CHAT):
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=10) == 0


def test_it_ends_with_its_parents_pipe(start: Start) -> None:
    """With --until-stdin-closes the end of stdin is the end of the process."""
    running = start("--fleet", "l4=1", "--until-stdin-closes")
    assert running.http.get("/healthz").status_code == 200
    assert running.process.stdin
    running.process.stdin.close()
    assert running.process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dialect", "0.5"], "valid: 0.4, 0.10"),
        (["--retry-after-scale", "-1"], "not a number >= 0"),
        (["--step-jitter", "2"], "--step-jitter 2.0 is not a number from 0 to 1"),
        (["--profile-file", "none.yaml"], "cannot read profile file none.yaml: No such file"),
        (["--pool-clock-scale", "0"], "not a number >= 0.001"),
        (["--host", "0.0.0.0"], "not a loopback address"),  # noqa: S104 - it is refused
        (["--fleet", "l5=1"], "unknown profile 'l5'"),
        (["--port", "70000"], "between 0 and 65535"),
        (["--fault-plan", "/nowhere.yaml"], "cannot read fault plan"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(options: list[str], words: str) -> None:
    """No usage text and no traceback."""
    command = [sys.executable, "-m", "bench.sim", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_exit_2(gateway: Running) -> None:
    """A second gateway on the same port says so."""
    port = str(gateway.said["url"]).rsplit(":", 1)[1]
    command = [sys.executable, "-m", "bench.sim", "--port", port]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 2
    assert "address already in use" in ended.stderr


def test_a_fault_plan_names_every_mistake_with_its_line(tmp_path: Path) -> None:
    """All mistakes come at once, each with line and nearest valid name."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "- {at_s: 1, fault: stal}\n- {at_s: -1, fault: kill}\n- {at_s: 1, fault: stall, duration: 2}\n"
    )
    with pytest.raises(FaultPlanError) as caught:
        load_fault_plan(plan)
    message = str(caught.value)
    for words in (
        ":1: fault 'stal' is unknown; did you mean 'stall'",
        ":2: at_s is -1",
        "did you mean 'duration_s'",
        ":3: duration_s is missing",
    ):
        assert words in message


def test_a_cold_lane_says_202_before_it_looks_at_the_body_and_then_wakes(start: Start) -> None:
    """202 comes before validation on native routes; chat validates first and has no version headers."""
    running = start("--fleet", "l4=0..1", "--cold-start-scale", "0.006")
    gpu = {"X-SIE-MACHINE-PROFILE": "L4"}
    assert running.http.get("/health").json()["status"] == "degraded"
    assert running.http.get("/readyz").status_code == 200
    cold = running.http.post("/v1/encode/BAAI/bge-m3", json=COLD_ITEMS, headers=gpu)
    assert cold.status_code == 202
    assert cold.headers["retry-after"] == "120"
    assert cold.headers["x-sie-version"] == "0.4.1"
    expected = {"status": "provisioning", "gpu": "l4", "bundle": "default", "estimated_wait_s": 180}
    assert expected.items() <= cold.json().items()
    chat = running.http.post("/v1/chat/completions", json=CHAT | {"bogus": 1}, headers=gpu)
    assert chat.status_code == 400
    chat = running.http.post("/v1/chat/completions", json=CHAT, headers=gpu)
    assert chat.status_code == 202
    assert "x-sie-version" not in chat.headers
    deadline = time.monotonic() + 10
    while running.http.post("/v1/encode/BAAI/bge-m3", json=COLD_ITEMS, headers=gpu).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_replies_leave_without_the_delay_of_a_second_small_write(gateway: Running) -> None:
    """A hundred on one connection take four seconds where Nagle waits for delayed ACKs."""
    began_s = time.monotonic()
    for _ in range(100):
        assert gateway.http.post("/v1/encode/BAAI/bge-m3", json={"items": []}).status_code == 400
    assert time.monotonic() - began_s < 3


def test_a_stall_holds_every_byte_and_lets_the_model_run_on(start: Start, tmp_path: Path) -> None:
    """During the stall nothing leaves; afterwards all that became due is there at once."""
    plan, truth = tmp_path / "plan.yaml", tmp_path / "truth.msgpack"
    plan.write_text("- {at_s: 0.5, fault: stall, duration_s: 2}\n")
    running = start("--fleet", "h100=1", "--fault-plan", str(plan), "--truth", str(truth))
    running.http.post("/v1/chat/completions", json=CHAT)
    began_s = time.monotonic()
    gaps_s: list[float] = []
    with running.http.stream("POST", "/v1/chat/completions", json=CHAT, headers=trace(0)) as reply:
        last_s = time.monotonic()
        for line in reply.iter_lines():
            now_s = time.monotonic()
            gaps_s.append(now_s - last_s)
            last_s = now_s
            final = line
            if not line:
                final = "data: [DONE]"
    assert final == "data: [DONE]"
    assert max(gaps_s) == pytest.approx(2, rel=0.05)
    assert time.monotonic() - began_s == pytest.approx(2.5, rel=0.1)
    running.process.terminate()
    assert running.process.wait(timeout=10) == 0
    late_ns = [
        entry.before_write_ns - entry.modelled_ns
        for entry in read_truth(truth)[1]
        if entry.kind == "event" and entry.span == 0 and entry.before_write_ns
    ]
    assert max(late_ns) / 1e9 == pytest.approx(2, rel=0.05)


def test_kill_cuts_connections_without_a_goodbye(start: Start, tmp_path: Path) -> None:
    """The process dies as by SIGKILL and the stream breaks in the middle."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("- {at_s: 0.3, fault: kill}\n")
    running = start("--fleet", "cpu=1", "--fault-plan", str(plan))
    with pytest.raises(httpx.TransportError):
        running.http.post("/v1/chat/completions", json=CHAT, headers=trace(0))
    assert running.process.wait(timeout=10) == -signal.SIGKILL


def test_the_truth_log_tells_what_happened_to_each_attempt(start: Start, tmp_path: Path) -> None:
    """Header first; then arrived, headers, events in sequence, end; refusals and workers too."""
    truth = tmp_path / "truth.msgpack"
    running = start("--fleet", "l4=1", "--truth", str(truth))
    reply = running.http.post("/v1/chat/completions", json=CHAT | {"max_tokens": 30}, headers=trace(5, 2))
    running.http.post("/v1/chat/completions", json={}, headers=trace(6))
    running.process.terminate()
    assert running.process.wait(timeout=10) == 0
    header, entries = read_truth(truth)
    assert header["settings"] == {"dialect": "0.4", "fleet": "l4=1", "cold_start_scale": 1.0, "seed": 1}
    assert [e.lane[:3] for e in entries if e.kind == "worker_ready"] == [
        ("default", "sglang", "l4"),
        ("default", "default", "l4"),
    ]
    mine = [e for e in entries if (e.span, e.attempt) == (5, 2)]
    count = len([line for line in reply.text.split("\n\n") if line])
    assert [e.kind for e in mine] == ["arrived", "headers", *["event"] * count, "end"]
    assert [e.sequence for e in mine if e.kind == "event"] == list(range(count))
    for entry in mine:
        if entry.before_write_ns and entry.after_write_ns:
            assert entry.modelled_ns <= entry.before_write_ns <= entry.after_write_ns
    assert [e.kind for e in entries if e.span == 6] == ["arrived", "refused"]


def test_traceparent_holds_index_and_attempt() -> None:
    """The low 48 bits are the index, the high 16 the attempt; anything else is no span."""
    assert parse_traceparent(trace(7, 3)["traceparent"]) == Span(7, 3)
    for header in (None, "", "00-zz-zz-01", "00-" + "a" * 32 + "-" + "g" * 16 + "-01"):
        assert parse_traceparent(header) is None


def test_a_client_that_leaves_takes_its_work_with_it(start: Start) -> None:
    """Closing a stream early frees the worker."""
    running = start("--fleet", "cpu/sglang=1")
    with running.http.stream("POST", "/v1/chat/completions", json=CHAT) as reply:
        assert reply.status_code == 200
        assert depth(running) == 1
    deadline = time.monotonic() + 5
    while depth(running):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def depth(running: Running) -> int:
    """Jobs at all workers together."""
    body = json.loads(running.http.get("/health").text)
    return sum(worker["queue_depth"] for worker in body["workers"])
