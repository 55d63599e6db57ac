from pathlib import Path
from typing import Any

import pytest

from bench.analyze import Verdict, load, summarise
from bench.record import Outcome
from tests.analyze.runs import MS, S, Streamed, lost, scenario, streamed, write_run


def chat(index: int, lag_ms: float, ttft_ms: float = 100, **facts: Any) -> Streamed:
    """A chat that was sent late."""
    at = 10 * S + index * 100 * MS
    sent = {name: at + round(lag_ms * MS) for name in ("first_sent_ns", "handed_ns", "sent_ns")}
    return streamed(index, at, [round(ttft_ms * MS), round(ttft_ms * MS) + 20 * MS], 2, **(sent | facts))


def judged(tmp_path: Path, rows: list[Streamed], **info: Any) -> Verdict:
    """The verdict on a run."""
    return summarise(load(write_run(tmp_path / "run", rows, **info))).verdict


@pytest.mark.parametrize(
    ("lag_ms", "ttft_ms", "judgement"),
    [
        (0.5, 100, "uncalibrated"),
        (2, 100, "suspect"),
        (6, 100, "invalid"),
        (6, 200, "suspect"),
        (49, 5000, "suspect"),
        (51, 5000, "invalid"),
    ],
)
def test_send_lag_is_held_against_the_latency(
    tmp_path: Path, lag_ms: float, ttft_ms: float, judgement: str
) -> None:
    """5 ms or 5 % of the median TTFT, never more than 50 ms; above 1 ms it is at least suspect."""
    found = judged(tmp_path, [chat(i, lag_ms, ttft_ms) for i in range(100)])
    assert found.judgement == judgement
    if judgement != "uncalibrated":
        assert f"send lag p99 {lag_ms:.1f} ms" in found.reasons[0]


def test_a_few_late_requests_do_not_say_enough_to_suspect_the_generator(tmp_path: Path) -> None:
    """Nine of a hundred may be chance, ten are not."""
    few = [chat(i, 2 if i < 9 else 0.1) for i in range(100)]
    assert judged(tmp_path / "few", few).judgement == "uncalibrated"
    enough = judged(tmp_path / "enough", [chat(i, 2 if i < 10 else 0.1) for i in range(100)])
    assert enough.judgement == "suspect"
    assert "10 requests (10.0%) were sent more than 1 ms late" in enough.reasons[0]


def test_requests_that_were_not_sent_invalidate(tmp_path: Path) -> None:
    """Dropped sends hide load."""
    rows = [chat(i, 0.1) for i in range(99)] + [lost(99, 59 * S, Outcome.NOT_SENT)]
    found = judged(tmp_path, rows)
    assert found.judgement == "invalid"
    assert "99.00% of the scheduled requests were sent" in found.reasons[0]


def test_merged_events_are_suspect(tmp_path: Path) -> None:
    """Events that share a read share a stamp."""
    found = judged(tmp_path, [chat(i, 0.1, merged_events=int(i == 0)) for i in range(100)])
    assert found.judgement == "suspect"
    assert "0.50% of the stream events shared a read" in found.reasons[0]


@pytest.mark.parametrize(("busy_s", "judgement"), [(4.0, "uncalibrated"), (8.1, "suspect"), (8.6, "invalid")])
def test_a_busy_engine_is_not_believed(tmp_path: Path, busy_s: float, judgement: str) -> None:
    """Close to a whole core the generator measures itself."""
    told = {"engine_cpu_s": busy_s, "ended_at_s": 10.0}
    assert judged(tmp_path, [chat(i, 0.1) for i in range(100)], generator=told).judgement == judgement


def test_of_several_processes_the_busiest_counts(tmp_path: Path) -> None:
    """Two engines share what would be too much for one; where one alone has it, it is not believed."""
    rows = [chat(i, 0.1) for i in range(100)]
    for first_s, judgement in ((4.3, "uncalibrated"), (8.6, "invalid")):
        workers = [
            {"worker": number, "engine_cpu_s": busy_s, "ended_at_s": 10.0}
            for number, busy_s in enumerate((8.6 - first_s, first_s))
        ]
        told = {"engine_cpu_s": 8.6, "ended_at_s": 10.0, "workers": workers}
        found = judged(tmp_path / judgement, rows, generator=told, processes=2)
        assert found.judgement == judgement


def test_the_loss_of_a_worker_invalidates_and_less_load_would_not_help(tmp_path: Path) -> None:
    """Also in a closed loop, where its users are not missed by any other number."""
    workers = [{"worker": 0}, {"worker": 1, "lost": "was killed by signal 9", "lost_at_s": 5.0}]
    rows = [chat(i, 0.1) for i in range(100)]
    found = judged(tmp_path, rows, generator={"workers": workers}, processes=2, command="bench run a.yaml")
    assert found.judgement == "invalid"
    assert found.reasons == ("worker 1 was lost, and its part of the load",)
    assert found.next_command == "bench run a.yaml --processes 2"


@pytest.mark.parametrize(
    ("cores", "processes", "command", "advised"),
    [
        (9, 1, "bench run a.yaml", "bench run a.yaml --processes 2"),
        (9, 2, "bench run a.yaml --processes 2 --check", "bench run a.yaml --check --processes 4"),
        (9, 6, "bench run a.yaml --processes=6", "bench run a.yaml --processes 8"),
        (
            3,
            2,
            "bench run a.yaml --processes 2",
            "bench run a.yaml --processes 2 --set arrivals.rate_per_s=4",
        ),
        (2, 1, "bench run a.yaml", "bench run a.yaml --set arrivals.rate_per_s=4"),
    ],
)
def test_an_engine_that_is_too_busy_is_shared_while_cores_are_left(
    tmp_path: Path, cores: int, processes: int, command: str, advised: str
) -> None:
    """Twice as many processes, one core left to the simulated gateway; then half the load."""
    told = {"engine_cpu_s": 9.0, "ended_at_s": 10.0, "cores": cores}
    rows = [chat(i, 6) for i in range(100)]
    found = judged(tmp_path, rows, generator=told, processes=processes, command=command)
    assert found.next_command == advised


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"engine_waited_s": 1.1, "ended_at_s": 10.0}, "had no core for 11% of the run"),
        ({"others_share": 0.9}, "other programs had 90% of the cores"),
        ({"steal_share": 0.06}, "the hypervisor took 6%"),
    ],
)
def test_a_generator_that_others_disturbed_is_suspect_and_less_load_would_not_help(
    tmp_path: Path, told: dict[str, float], words: str
) -> None:
    """The verdict names who had the core, and repeats the run as it was."""
    rows = [chat(i, 0.1) for i in range(100)]
    found = judged(tmp_path / "disturbed", rows, generator=told, command="bench run a.yaml")
    assert (found.judgement, found.next_command) == ("suspect", "bench run a.yaml")
    assert words in found.reasons[0]
    quiet = {name: value / 2 for name, value in told.items() if name != "ended_at_s"}
    assert judged(tmp_path / "quiet", rows, generator=told | quiet).judgement == "uncalibrated"


def test_a_run_that_sent_nothing_is_invalid(tmp_path: Path) -> None:
    """No data is never trusted."""
    assert judged(tmp_path, []).judgement == "invalid"


def test_a_bad_verdict_says_what_to_type(tmp_path: Path) -> None:
    """The command repeats the run, overrides included, at half the load."""
    found = judged(tmp_path, [chat(i, 60) for i in range(10)], overrides=("warmup_s=10",))
    path = tmp_path / "run" / "scenario.yaml"
    assert found.next_command == f"bench run {path} --set warmup_s=10 --set arrivals.rate_per_s=4"


def test_the_command_of_the_run_is_repeated(tmp_path: Path) -> None:
    """What the user typed is what is typed again, unless it names a folder or a sweep."""
    rows = [chat(i, 60) for i in range(10)]
    typed = "bench run scenarios/mixed.yaml --label build=1"
    assert judged(tmp_path / "a", rows, command=typed).next_command == f"{typed} --set arrivals.rate_per_s=4"
    swept = judged(tmp_path / "b", rows, command="bench run scenarios/mixed.yaml --rates 2,4")
    assert "--rates" not in swept.next_command


def test_a_run_of_locusts_is_repeated_by_locust(tmp_path: Path) -> None:
    """With half the users."""
    plan = scenario(arrivals=None, closed_loop={"users": 9})
    typed = "BENCH_SCENARIO=mine.yaml locust -f mine.py --headless -u 9 --host http://gateway"
    found = judged(tmp_path, [chat(i, 60) for i in range(10)], plan=plan, command=typed)
    assert found.next_command == f"{typed} -u 4"


def test_a_closed_loop_is_halved_by_its_users(tmp_path: Path) -> None:
    """Where there is no rate, the users are the load."""
    plan = scenario(arrivals=None, closed_loop={"users": 9})
    found = judged(tmp_path, [chat(i, 60) for i in range(10)], plan=plan)
    assert found.next_command.endswith("--set closed_loop.users=4")


def test_a_server_that_nobody_can_connect_to_is_no_fault_of_the_generator(tmp_path: Path) -> None:
    """Requests that failed to connect were tried, though nothing of them was sent."""
    tried = [lost(index, 59 * S, Outcome.FAILED) for index in range(50, 100)]
    assert judged(tmp_path, [chat(i, 0.1) for i in range(50)] + tried).judgement == "uncalibrated"


@pytest.mark.parametrize(("p99_ms", "judgement"), [(9.9, "uncalibrated"), (10.1, "suspect")])
def test_a_simulator_that_was_late_itself_is_not_believed(
    tmp_path: Path, p99_ms: float, judgement: str
) -> None:
    """What counts is its last word: it counts from the first request of the run."""
    late = [{"writes": 9, "p50_ms": 1.0, "p99_ms": p99} for p99 in (99.0, p99_ms)]
    health = [{"t_ns": t * S, "live": {"l4": 1}, "late": told} for t, told in enumerate(late)]
    rows = [chat(i, 0.1) for i in range(100)]
    summary = summarise(load(write_run(tmp_path / "run", rows, scenario(), health)))
    assert summary.verdict.judgement == judgement
    assert summary.generator.sim_late_p99_s == pytest.approx(p99_ms / 1e3)
    assert ("the simulated gateway itself was late" in summary.verdict.reasons[0]) == (judgement == "suspect")
