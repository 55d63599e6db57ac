"""Each rule is kept by a good run and broken by the run that it is for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analyze import Check, faults, load, summarise
from bench.record import Outcome
from tests.analyze.runs import MS, S, Streamed, lost, record, scenario, streamed, write_run


def _steady(_: int) -> float:
    return 100


def answers(n: int = 400, ttft_ms: Callable[[int], float] = _steady, seed: int = 1) -> list[Streamed]:
    """A minute of chats at even distances, whose first token comes after `ttft_ms(i)` and some noise."""
    noise = np.random.default_rng(seed).lognormal(0, 0.3, n)
    gap_ns = 60 * S // n
    return [
        streamed(i, i * gap_ns, [at := round(float(ttft_ms(i) * noise[i]) * MS), at + 20 * MS], 2)
        for i in range(n)
    ]


def checks(tmp_path: Path, rows: list[Streamed], **info: Any) -> dict[str, Check]:
    """The checks of a run by name."""
    plan = info.pop("plan", scenario(arrivals={"process": "constant", "rate_per_s": 400 / 60}))
    found = summarise(load(write_run(tmp_path / "run", rows, plan, **info))).validity
    return {check.name: check for check in found}


def test_a_quiet_run_breaks_no_rule(tmp_path: Path) -> None:
    """Steady answers at a constant rate: nothing is invalid, nothing to warn of."""
    found = checks(tmp_path, answers())
    assert {
        name: check.sentence for name, check in found.items() if check.status in {"warn", "invalid"}
    } == {}
    assert faults(tuple(found.values())) == ()


def broken(tmp_path: Path, name: str, rows: list[Streamed], status: str = "invalid", **info: Any) -> Check:
    """The check of that name, which must have that status and say what to do."""
    check = checks(tmp_path, rows, **info)[name]
    assert check.status == status, check.sentence
    assert check.advice
    return check


def test_a_generator_that_is_invalid_makes_the_run_unfit(tmp_path: Path) -> None:
    """V1: the verdict on the generator."""
    late = [
        streamed(i, 10 * S + i * S, [900 * MS, 950 * MS], 2, first_sent_ns=11 * S + i * S) for i in range(40)
    ]
    assert "send lag" in broken(tmp_path, "generator", late).sentence


def test_long_pauses_of_the_engine_give_pause(tmp_path: Path) -> None:
    """V2: a collection of garbage of 60 ms."""
    told = {"gc_pause_max_s": 0.06, "loop_beats": 1200, "loop_beats_late": 1}
    broken(tmp_path, "engine", answers(), "warn", generator=told)


def test_a_rate_that_is_not_the_one_asked_for_is_told(tmp_path: Path) -> None:
    """V3: 333 requests where 500 were asked for."""
    plan = scenario(arrivals={"process": "constant", "rate_per_s": 10.0})
    assert "333 requests were due" in broken(tmp_path, "schedule", answers(), "warn", plan=plan).sentence


def test_a_growing_queue_breaks_little_trend_and_keeping_up(tmp_path: Path) -> None:
    """V4, V9, V10: each request waits a little longer than the one before."""
    found = checks(tmp_path, answers(ttft_ms=lambda i: 100 + 60 * i))
    for name in ("steady latency", "kept up"):
        assert found[name].status == "invalid", name
    assert found["Little's law"].status in {"warn", "invalid"}


@pytest.mark.parametrize(("failed", "status"), [(0, "ok"), (3, "warn"), (4, "invalid")])
def test_errors_are_limited(tmp_path: Path, failed: int, status: str) -> None:
    """V7: of 333 requests in the window three are 0.9 %, four 1.2 %."""
    rows = answers()
    for i in range(100, 100 + failed):
        rows[i] = lost(i, rows[i][0].scheduled_ns, Outcome.FAILED)
    assert checks(tmp_path, rows)["errors"].status == status


def test_a_warm_up_that_is_too_short_is_found(tmp_path: Path) -> None:
    """V8: slow for 15 s where 10 s are left out is told; slow for 24 s, the run is unfit."""
    slow = checks(tmp_path / "a", answers(ttft_ms=lambda i: 900 if i < 100 else 100))["warm-up"]
    assert slow.status == "warn"
    assert slow.value == pytest.approx(15, abs=2)
    broken(tmp_path / "b", "warm-up", answers(ttft_ms=lambda i: 900 if i < 160 else 100))


def test_a_slow_request_in_the_middle_is_no_start_up(tmp_path: Path) -> None:
    """V8: MSER-5 cuts behind it, which is told; what is before it is like what comes after."""
    found = checks(tmp_path, answers(ttft_ms=lambda i: 9000 if i == 190 else 100))["warm-up"]
    assert (found.value or 0) > 20
    assert found.status == "warn"


def test_a_falling_latency_is_told_but_not_forbidden(tmp_path: Path) -> None:
    """V9 down: the server was still warming up; only a rise means saturation."""
    found = checks(tmp_path, answers(ttft_ms=lambda i: 600 - i))["steady latency"]
    assert found.status == "warn"
    assert "fell" in found.sentence


def test_a_cold_lane_in_the_window_makes_the_run_unfit(tmp_path: Path) -> None:
    """V12: refused at 20 s; a lane that was cold only in the warm-up does not matter."""
    cold = {"outcome": Outcome.REFUSED, "reason": "provisioning", "status": 202}
    rows = answers()
    at = rows[140][0].scheduled_ns
    rows[140] = (record(140, at, end_ns=at + MS, **cold), [], [])
    assert "1 lanes were cold" in broken(tmp_path / "in", "warm", rows).sentence
    early = answers()
    early[3] = (record(3, early[3][0].scheduled_ns, end_ns=early[3][0].scheduled_ns + MS, **cold), [], [])
    assert checks(tmp_path / "out", early)["warm"].status == "ok"


def test_workers_that_come_in_the_window_make_the_run_unfit(tmp_path: Path) -> None:
    """V12: a third worker joins at 30 s."""
    health = [{"t_ns": t * S, "live": {"l4": 2 + (t >= 30)}} for t in range(60)]
    assert "live workers changed" in broken(tmp_path, "warm", answers(), health=health).sentence


def test_the_users_of_a_closed_loop_are_counted_by_their_requests(tmp_path: Path) -> None:
    """V5: one user who is always waiting is one user, not four."""
    rows = [streamed(i, i * S // 2, [250 * MS, 499 * MS], 2) for i in range(120)]
    loop = {"users": 1, "think_time_s": 0.0}
    one = scenario(arrivals=None, closed_loop=loop)
    assert checks(tmp_path / "one", rows, plan=one)["users"].status == "ok"
    four = scenario(arrivals=None, closed_loop=loop | {"users": 4})
    broken(tmp_path / "four", "users", rows, "warn", plan=four)


def test_a_run_without_requests_is_unfit(tmp_path: Path) -> None:
    """No data is never fit."""
    assert faults(tuple(checks(tmp_path, []).values()))
