"""The pure model in virtual time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sim.model import (
    SHIPPED,
    Chunk,
    Event,
    Finished,
    Fleet,
    FleetError,
    ItemsDone,
    Job,
    Lane,
    Verdict,
    WorkerReady,
    parse_fleet,
)
from bench.sim.model.step import StepTime, batch_s

CHAT = "Qwen/Qwen3-4B"
S = 1_000_000_000


def drain(fleet: Fleet) -> list[Event]:
    """Everything until nothing is under way, stepping from instant to instant."""
    events: list[Event] = []
    while (due_ns := fleet.next_ns()) is not None:
        events += fleet.advance(due_ns)
    return events


def chat_job(job_id: int, profile: str = "l4", prompt: int = 200, output: int = 50) -> Job:
    """A chat that asks for one lane."""
    return Job(job_id, CHAT, Lane("default", "sglang", profile), prompt, output)


def chat_events(events: list[Event], job_id: int) -> list[Chunk | Finished]:
    """What one job said."""
    return [e for e in events if isinstance(e, Chunk | Finished) and e.job_id == job_id]


JOBS = st.lists(
    st.tuples(st.integers(0, 3 * S), st.integers(1, 5000), st.integers(1, 60)), min_size=1, max_size=20
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(JOBS)
def test_every_job_ends_once_with_the_tokens_it_asked_for(asked: list[tuple[int, int, int]]) -> None:
    """Whatever arrives, each job ends exactly once, in order of time, with all its tokens."""
    fleet = Fleet(parse_fleet("l4=1,a100-40gb=1"))
    events: list[Event] = []
    for job_id, (at_ns, prompt, output) in enumerate(sorted(asked)):
        events += fleet.advance(at_ns)
        assert fleet.submit(at_ns, chat_job(job_id, prompt=prompt, output=output)) is Verdict.LIVE
    events += drain(fleet)
    for job_id, (at_ns, _, output) in enumerate(sorted(asked)):
        mine = chat_events(events, job_id)
        assert sum(e.tokens for e in mine) == output
        assert [type(e) for e in mine].count(Finished) == 1
        assert isinstance(mine[-1], Finished)
        assert all(e.at_ns > at_ns for e in mine)
        assert [e.at_ns for e in mine] == sorted(e.at_ns for e in mine)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(JOBS, st.integers(1, S))
def test_advancing_in_small_or_large_strides_gives_the_same_events(
    asked: list[tuple[int, int, int]], stride_ns: int
) -> None:
    """The driver's rhythm must not change what happens."""

    def run(step_ns: int | None) -> list[Event]:
        fleet = Fleet(parse_fleet("l4=2"))
        events: list[Event] = []
        for job_id, (at_ns, prompt, output) in enumerate(sorted(asked)):
            for now_ns in range(0, at_ns, max(step_ns, S // 50)) if step_ns else ():
                events += fleet.advance(now_ns)
            fleet.submit(at_ns, chat_job(job_id, prompt=prompt, output=output))
        return sorted(events + drain(fleet), key=lambda e: (e.at_ns, getattr(e, "job_id", -1)))

    assert run(None) == run(stride_ns)


def test_first_text_waits_for_the_flush_rule() -> None:
    """On a fast chip nothing leaves before eight tokens or 50 ms; then text leaves in groups."""
    fleet = Fleet(parse_fleet("h100=1"))
    fleet.submit(0, chat_job(1, "h100", prompt=100, output=100))
    chunks = [e for e in chat_events(drain(fleet), 1) if isinstance(e, Chunk)]
    assert chunks[0].tokens == 8 or chunks[0].at_ns >= S // 20
    assert all(chunk.tokens <= 8 for chunk in chunks)
    assert len(chunks) < 100


def test_a_cancelled_job_makes_room_and_says_no_more() -> None:
    """After cancel there is no further event of the job, and its tokens are free again."""
    fleet = Fleet(parse_fleet("l4=1"))
    fleet.submit(0, chat_job(1, output=4000))
    fleet.advance(S)
    fleet.cancel(S, 1)
    fleet.cancel(S, 99)
    fleet.advance(S)
    assert chat_events(drain(fleet), 1) == []
    assert all(live.worker.depth == 0 for live in fleet.live)


def test_an_a100_answers_before_an_l4_and_batching_beats_one_by_one() -> None:
    """The order that the hardware imposes holds, and a second sequence is nearly free."""

    def end_ns(profile: str, jobs: int) -> int:
        fleet = Fleet(parse_fleet(f"{profile}=1"))
        for job_id in range(jobs):
            fleet.submit(0, chat_job(job_id, profile))
        return max(e.at_ns for e in drain(fleet))

    assert end_ns("h100", 1) < end_ns("a100-40gb", 1) < end_ns("l4", 1) < end_ns("cpu", 1)
    assert end_ns("l4", 2) < 1.2 * end_ns("l4", 1)


def test_step_time_follows_the_published_shape() -> None:
    """One token is bound by reading weights, 2,048 by computing."""
    card = SHIPPED.cards[CHAT]
    time = StepTime(SHIPPED.chips["l4"], card)
    one = time.seconds(tokens=1, sequences=1, emitting=1, context_tokens=0)
    assert one == pytest.approx(card.weight_bytes / (300e9 * 0.88), rel=0.06)
    many = time.seconds(tokens=2048, sequences=1, emitting=0, context_tokens=0)
    assert many == pytest.approx(2 * card.layer_parameters * 2048 / (121e12 * 0.7), rel=0.06)


def test_encoder_throughput_matches_its_anchor() -> None:
    """bge-m3 at 256 tokens runs at about 62,000 tokens/s on an L4."""
    lengths = [256] * 64
    assert sum(lengths) / batch_s(
        SHIPPED.chips["l4"], SHIPPED.cards["BAAI/bge-m3"], lengths
    ) == pytest.approx(62e3, rel=0.1)


def test_items_are_batched_and_waiting_is_bounded() -> None:
    """A lone item goes at once; what comes while the GPU is busy waits for it, then goes together."""
    fleet = Fleet(parse_fleet("l4=1"))
    lane = Lane("default", "default", "l4")
    for job_id, at_ns in enumerate((0, 1_000_000, 2_000_000)):
        fleet.submit(at_ns, Job(job_id, "BAAI/bge-m3", lane, item_tokens=(256,)))
    first, second, third = [e for e in drain(fleet) if isinstance(e, ItemsDone)]
    assert first.queue_ns == 0
    assert second.at_ns == third.at_ns > first.at_ns
    assert second.queue_ns >= third.queue_ns


def test_a_score_request_is_one_piece_of_work() -> None:
    """All documents of a score request are computed in one batch, however many there are."""
    fleet = Fleet(parse_fleet("l4=1"))
    lane = Lane("default", "default", "l4")
    fleet.submit(0, Job(1, "BAAI/bge-reranker-v2-m3", lane, item_tokens=(100,) * 50))
    (done,) = [e for e in drain(fleet) if isinstance(e, ItemsDone)]
    assert done.queue_ns == 0
    assert done.at_ns == done.inference_ns


def test_a_cold_lane_wakes_once_after_three_to_seven_minutes() -> None:
    """Demand starts one worker however often it is repeated; the lane serves when it is ready."""
    fleet = Fleet(parse_fleet("l4/sglang=0..3"), seed=7)
    lane = Lane("default", "sglang", "l4")
    for second in range(100):
        assert fleet.demand(second * S, lane) is Verdict.COLD
    ready = [e for e in drain(fleet) if isinstance(e, WorkerReady)]
    assert len(ready) == 1
    assert 180 * S <= ready[0].at_ns <= 420 * S
    assert fleet.demand(ready[0].at_ns, lane) is Verdict.LIVE


def test_demand_without_a_profile_wakes_nothing() -> None:
    """At 0.4.1 a request that names no profile never scales a lane from zero."""
    fleet = Fleet(parse_fleet("l4=0..1"))
    assert fleet.demand(0, Lane("default", "sglang", "")) is Verdict.COLD
    assert fleet.next_ns() is None


def test_an_absent_profile_is_served_by_another_and_wakes_its_own() -> None:
    """0.4.1 serves from any worker of the bundle, silently, and records the demand."""
    fleet = Fleet(parse_fleet("l4=1,a100-40gb=0..1"))
    fleet.advance(0)
    assert fleet.submit(0, chat_job(1, "a100-40gb")) is Verdict.LIVE
    events = drain(fleet)
    assert [e.lane.profile for e in events if isinstance(e, WorkerReady)] == ["a100-40gb"]


def test_a_named_pool_without_workers_has_no_consumers() -> None:
    """Named pools never fall back to the default pool."""
    fleet = Fleet(parse_fleet("l4=1"))
    assert fleet.demand(0, Lane("lab", "sglang", "l4")) is Verdict.NO_CONSUMERS


def test_same_seed_same_cold_start() -> None:
    """The seed decides the node's delay, and nothing else does."""

    def ready_ns(seed: int, scale: float) -> int:
        fleet = Fleet(parse_fleet("l4/sglang=0..1"), seed=seed, cold_start_scale=scale)
        fleet.demand(0, Lane("default", "sglang", "l4"))
        return next(e.at_ns for e in drain(fleet) if isinstance(e, WorkerReady))

    assert ready_ns(3, 1.0) == ready_ns(3, 1.0) != ready_ns(4, 1.0)
    assert ready_ns(3, 0.01) == pytest.approx(ready_ns(3, 1.0) / 100)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("l5=1", "unknown profile 'l5'"),
        ("a100-40g=1", "did you mean 'a100-40gb'"),
        ("l4/sgland=1", "did you mean 'sglang'"),
        ("l4", "is not [pool:]profile"),
        ("", "is not [pool:]profile"),
        ("l4=3..1", "MIN <= MAX"),
        ("l4=1,l4/default=1", "more than once"),
    ],
)
def test_a_bad_fleet_is_named(text: str, words: str) -> None:
    """Each mistake in a fleet gives one sentence with the entry and what would do."""
    with pytest.raises(FleetError, match=r".") as caught:
        parse_fleet(text)
    assert words in str(caught.value)
