"""The pure model in virtual time: loading, loss, slowness, and queues that are full."""

import pytest

from bench.sim.model import (
    Event,
    Finished,
    Fleet,
    ItemsDone,
    Job,
    Lane,
    Lost,
    Rules,
    Verdict,
    WorkerGone,
    WorkerLost,
    WorkerReady,
    parse_fleet,
)

S = 1_000_000_000
MODEL, ENCODER = "Qwen/Qwen3-0.6B", "BAAI/bge-m3"


def text_job(job_id: int, model: str = MODEL) -> Job:
    """A short generation."""
    return Job(job_id, model, Lane("default", "sglang", "l4"), 10, 20)


def items_job(job_id: int) -> Job:
    """One item to encode."""
    return Job(job_id, ENCODER, Lane("default", "default", "l4"), item_tokens=(100,))


def ended(events: list[Event]) -> list[int]:
    """The jobs that came to a result, in order."""
    return [event.job_id for event in events if isinstance(event, Finished | ItemsDone)]


def test_generations_wait_for_their_own_model() -> None:
    """Both models load at once, and each job begins when its own is there."""
    fleet = Fleet(parse_fleet("l4=1"), Rules(model_load_ns=5 * S))
    assert fleet.submit(0, text_job(1)) is Verdict.LIVE
    assert fleet.submit(2 * S, text_job(2, "Qwen/Qwen3-4B")) is Verdict.LIVE
    assert ended(fleet.advance(5 * S - 1)) == []
    assert ended(fleet.advance(7 * S - 1)) == [1]
    assert ended(fleet.advance(10 * S)) == [2]


def test_a_job_that_waits_for_its_model_can_be_cancelled() -> None:
    """The load goes on without it, and nothing of it is heard again."""
    fleet = Fleet(parse_fleet("l4=1"), Rules(model_load_ns=S))
    fleet.submit(0, text_job(1))
    fleet.cancel(1, 1)
    assert ended(fleet.advance(10 * S)) == []
    assert fleet.state(MODEL) == "loaded"


def test_a_second_worker_loads_while_the_first_serves() -> None:
    """Who is chosen without having the model passes the work on and begins to load."""
    fleet = Fleet(parse_fleet("l4/default=2"), Rules(model_load_ns=S))
    assert fleet.submit(0, items_job(1)) is Verdict.LOADING
    assert [worker.state(ENCODER) for worker in fleet.live] == ["loading", "available"]
    assert fleet.submit(S, items_job(2)) is Verdict.LIVE
    assert fleet.submit(S, items_job(3)) is Verdict.LIVE
    assert [worker.state(ENCODER) for worker in fleet.live] == ["loaded", "loading"]
    assert ended(fleet.advance(2 * S)) == [2, 3]


def test_a_broken_model_can_be_mended() -> None:
    """While it is broken items are refused and generations wait; afterwards both are served."""
    fleet = Fleet(parse_fleet("l4=1"))
    for model in (MODEL, ENCODER):
        fleet.break_model(0, model)
    assert fleet.state(ENCODER) == "failed"
    assert fleet.submit(S, items_job(1)) is Verdict.LOAD_FAILED
    assert fleet.submit(S, text_job(2)) is Verdict.LIVE
    for model in (MODEL, ENCODER):
        fleet.mend_model(2 * S, model)
    assert fleet.submit(2 * S, items_job(3)) is Verdict.LIVE
    assert ended(fleet.advance(5 * S)) == [3, 2]


def test_where_generations_are_told_they_do_not_wait() -> None:
    """The verdict says that the model is loading, and the load has begun."""
    fleet = Fleet(parse_fleet("l4=1"), Rules(model_load_ns=S, generation_waits=False))
    assert fleet.submit(0, text_job(1)) is Verdict.LOADING
    assert fleet.submit(S, text_job(2)) is Verdict.LIVE


@pytest.mark.parametrize("closes", [True, False])
def test_the_jobs_of_a_lost_worker_are_lost(closes: bool) -> None:
    """Either each is told so, or nothing is heard of them; neither ends."""
    fleet = Fleet(parse_fleet("l4=1"))
    fleet.submit(0, text_job(1))
    lost = next(worker for worker in fleet.live if worker.lane.bundle == "sglang")
    fleet.lose(1000, lost, closes=closes)
    events = fleet.advance(5 * S)
    assert ended(events) == []
    assert [event for event in events if isinstance(event, Lost)] == [Lost(1000, 1)] * closes
    assert [event.at_ns for event in events if isinstance(event, WorkerLost)] == [1000]


def test_a_lost_worker_is_noticed_after_its_heartbeats() -> None:
    """Until then it takes work; then its lane is cold, and the demand brings another one."""
    fleet = Fleet(parse_fleet("l4/sglang=1"), Rules(heartbeat_loss_ns=15 * S))
    fleet.advance(0)
    fleet.lose(S, fleet.live[0], closes=True)
    assert fleet.submit(16 * S - 1, text_job(1)) is Verdict.LIVE
    gone = [event for event in fleet.advance(16 * S) if isinstance(event, WorkerGone)]
    assert [event.at_ns for event in gone] == [16 * S]
    assert (fleet.live, len(fleet.known)) == ((), 1)
    assert fleet.submit(17 * S, text_job(2)) is Verdict.COLD
    events: list[Event] = []
    while (due_ns := fleet.next_ns()) is not None:
        events += fleet.advance(due_ns)
    assert sum(isinstance(event, WorkerReady) for event in events) == 1
    assert [worker.works for worker in fleet.known] == [True]


def test_a_slow_worker_takes_so_many_times_as_long() -> None:
    """The same job on the same chip, three times as slow."""
    ends_ns = []
    for slowness in (1.0, 3.0):
        fleet = Fleet(parse_fleet("l4/default=1"))
        fleet.live[0].worker.slowness = slowness
        fleet.submit(0, items_job(1))
        ends_ns += [event.at_ns for event in fleet.advance(S) if isinstance(event, ItemsDone)]
    assert ends_ns[1] == pytest.approx(3 * ends_ns[0], rel=1e-6)


def test_a_pool_holds_only_so_much() -> None:
    """Work of all its lanes counts; other pools have queues of their own."""
    fleet = Fleet(parse_fleet("l4=1,lab:l4=1"), Rules(most_pending=2))
    assert [fleet.submit(0, text_job(n)) for n in range(3)] == [Verdict.LIVE, Verdict.LIVE, Verdict.FULL]
    assert fleet.submit(0, items_job(4)) is Verdict.FULL
    assert fleet.submit(0, Job(5, MODEL, Lane("lab", "sglang", ""), 10, 20)) is Verdict.LIVE
    fleet.advance(10 * S)
    assert fleet.submit(10 * S, items_job(6)) is Verdict.LIVE
