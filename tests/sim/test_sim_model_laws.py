"""What holds of the model whatever it is asked for."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sim.model import (
    SHIPPED,
    Chip,
    Chunk,
    Event,
    Finished,
    Fleet,
    ItemsDone,
    Job,
    Lane,
    Verdict,
    parse_fleet,
)
from bench.sim.model.engine import Engine
from bench.sim.model.generator import GenerationWorker
from bench.sim.model.memory import BLOCK_TOKENS
from bench.sim.model.step import cache_tokens
from tests.sim.virtual import Client, S, fleet_of, lane, replay

CARD = SHIPPED.cards["Qwen/Qwen3-4B"]
L4 = SHIPPED.chips["l4"]
TIGHT_TOKENS = 2_000


def with_cache(chip: Chip, tokens: int) -> Chip:
    """The chip with memory for so many tokens of cache, and no other limit on what it admits."""
    engine_bytes = chip.memory_bytes * chip.memory_share - CARD.weight_bytes
    engine_bytes -= (tokens + 0.5) * CARD.kv_token_bytes
    return replace(chip, admission_budget_tokens=0, engine_bytes=engine_bytes)


TIGHT = with_cache(L4, TIGHT_TOKENS)
"""An L4 with so little memory that a few long texts fill it."""
TIGHT_ONES = st.sampled_from(
    [with_cache(chip, TIGHT_TOKENS) for chip in SHIPPED.chips.values()]
    + [replace(TIGHT, step_budget_tokens=100), replace(TIGHT, max_sequences=2)]
)

ASKED = st.lists(
    st.tuples(st.integers(0, 2 * S), st.integers(1, 1200), st.integers(1, 700)), min_size=1, max_size=12
)


def jobs_of(asked: list[tuple[int, int, int]], chip: Chip = TIGHT) -> list[tuple[int, Job]]:
    """Instant, prompt and output of each as jobs."""
    return [
        (at_ns, Job(number, CARD.name, lane(chip.profile), prompt, output))
        for number, (at_ns, prompt, output) in enumerate(sorted(asked))
    ]


def engine_of(fleet: Fleet) -> Engine | None:
    """The engine of the only worker, once it has one."""
    worker = fleet.live[0].worker
    assert isinstance(worker, GenerationWorker)
    return worker.engines.get(CARD.name)


def watched(fleet: Fleet, jobs: list[tuple[int, Job]]) -> Iterator[Engine]:
    """The engine after every single change."""
    left = sorted(jobs, key=lambda timed: timed[0])
    while left or fleet.next_ns() is not None:
        due_ns = fleet.next_ns()
        if left and (due_ns is None or left[0][0] <= due_ns):
            at_ns, job = left.pop(0)
            fleet.advance(at_ns)
            assert fleet.submit(at_ns, job) is Verdict.LIVE
        elif due_ns is not None:
            fleet.advance(due_ns)
        engine = engine_of(fleet)
        if engine:
            yield engine


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ASKED, TIGHT_ONES)
def test_memory_is_never_more_than_full_and_empty_in_the_end(
    asked: list[tuple[int, int, int]], chip: Chip
) -> None:
    """Blocks in use stay between none and all, with preemptions on the way, and all come back."""
    engine = None
    for engine in watched(fleet_of(chip, CARD), jobs_of(asked, chip)):
        assert 0 <= engine.memory.used <= engine.memory.blocks == TIGHT_TOKENS // BLOCK_TOKENS
    assert engine
    assert (engine.memory.used, engine.depth) == (0, 0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ASKED, st.lists(st.tuples(st.integers(0, 11), st.integers(0, 20 * S)), max_size=8), st.integers(1, 3))
def test_cancelled_jobs_and_shared_prefixes_give_their_memory_back(
    asked: list[tuple[int, int, int]], cancels: list[tuple[int, int]], beginnings: int
) -> None:
    """Whoever leaves when, and whatever prompts share: the memory is never overdrawn and empty in the end."""
    fleet, ended = fleet_of(TIGHT, CARD), set()
    plan = [(at_ns, replace(job, prefix=(job.id % beginnings, 9))) for at_ns, job in jobs_of(asked)]
    acts: list[tuple[int, Job | int]] = [*plan, *((at_ns, number) for number, at_ns in cancels)]
    acts.sort(key=lambda act: act[0])
    for act_ns, what in [*acts, (10_000 * S, -1)]:
        while (due_ns := fleet.next_ns()) is not None and due_ns <= act_ns:
            ended |= {event.job_id for event in fleet.advance(due_ns) if isinstance(event, Finished)}
            engine = engine_of(fleet)
            assert engine is None or 0 <= engine.memory.used <= engine.memory.blocks
        if isinstance(what, Job):
            assert fleet.submit(act_ns, what) is Verdict.LIVE
        else:
            fleet.cancel(act_ns, what)
    engine = engine_of(fleet)
    assert engine is None or (engine.memory.used, engine.depth, fleet.live[0].worker.depth) == (0, 0, 0)
    assert {job.id for _, job in plan} - ended <= {number for number, _ in cancels}


ITEMS = st.lists(
    st.tuples(st.integers(0, S // 2), st.lists(st.integers(1, 6000), min_size=1, max_size=30)),
    min_size=1,
    max_size=15,
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ITEMS, st.integers(1, 40), st.sampled_from(["BAAI/bge-m3", "BAAI/bge-reranker-v2-m3"]))
def test_items_are_all_computed_whatever_the_rhythm(
    asked: list[tuple[int, list[int]]], stride_ms: int, model: str
) -> None:
    """Each job ends once, after it came, in the same instant however often the fleet is advanced."""

    def ends_ns(stride_ns: int) -> dict[int, int]:
        fleet, done, last_ns = Fleet(parse_fleet("l4/default=1")), [], 0
        for number, (at_ns, lengths) in enumerate(sorted(asked)):
            for now_ns in range(last_ns, at_ns, stride_ns):
                done += fleet.advance(now_ns)
            last_ns = at_ns
            where = Lane("default", "default", "l4")
            assert fleet.submit(at_ns, Job(number, model, where, item_tokens=tuple(lengths))) is Verdict.LIVE
        done += fleet.advance(last_ns + 1000 * S)
        ends = [event for event in done if isinstance(event, ItemsDone)]
        assert sorted(event.job_id for event in ends) == list(range(len(asked)))
        assert fleet.live[0].worker.depth == 0
        return {event.job_id: event.at_ns for event in ends}

    ends = ends_ns(stride_ms * S // 1000)
    assert ends == ends_ns(10**15)
    assert all(ends[number] > at_ns for number, (at_ns, _) in enumerate(sorted(asked)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ASKED, TIGHT_ONES)
def test_every_job_ends_with_all_its_tokens_after_its_prefill(
    asked: list[tuple[int, int, int]], chip: Chip
) -> None:
    """Also where memory is short: one end each, every token, and none before the prompt can be computed."""
    client = replay(fleet_of(chip, CARD), jobs_of(asked, chip))
    fastest_s = 2 * CARD.layer_parameters / (chip.flops * chip.compute_efficiency)
    for number, (_, prompt, output) in enumerate(sorted(asked)):
        told = client.told[number]
        assert (told.ended, sum(told.tokens)) == (1, output)
        assert told.ttft_s > prompt * fastest_s
        assert told.at_ns == sorted(told.at_ns)


def test_short_memory_preempts_the_newest_and_recomputes_it() -> None:
    """Two texts that outgrow the memory together: the older goes on, the newer waits for its end."""
    jobs = jobs_of([(0, 600, 700), (1, 600, 700)])
    tight = replay(fleet_of(TIGHT, CARD), jobs)
    roomy = replay(fleet_of(replace(TIGHT, engine_bytes=L4.engine_bytes), CARD), jobs)
    assert tight.told[0].e2e_s < 1.05 * roomy.told[0].e2e_s
    gap_ns = np.diff(tight.told[1].at_ns).max()
    assert gap_ns > S
    assert tight.told[1].e2e_s > 1.3 * roomy.told[1].e2e_s


def test_a_prompt_for_which_there_is_no_memory_waits_outside() -> None:
    """Begun in part it would be given up and begun anew, step after step, and slow down who runs."""
    chip = replace(TIGHT, step_budget_tokens=512)
    jobs = jobs_of([(0, 600, 700), (S, 1500, 10)], chip)
    alone, both = (replay(fleet_of(chip, CARD), part) for part in (jobs[:1], jobs))
    assert both.told[0].at_ns == alone.told[0].at_ns
    assert both.told[1].at_ns[0] > both.told[0].at_ns[-1]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ASKED, TIGHT_ONES)
def test_a_worker_is_never_idle_while_it_has_work(asked: list[tuple[int, int, int]], chip: Chip) -> None:
    """All at once: computing goes on without a gap from the first job's arrival at the engine to the end."""
    chip = replace(chip, front_end_serial_s=0.0, front_end_base_s=0.0)
    fleet = fleet_of(chip, CARD)
    client = replay(fleet, jobs_of([(0, prompt, output) for _, prompt, output in asked], chip))
    ends_ns = max(told.at_ns[-1] for told in client.told.values())
    assert fleet.live[0].worker.busy_ns == ends_ns


@pytest.mark.parametrize("jitter", [0.0, 0.05])
def test_same_seed_same_result(jitter: float) -> None:
    """The events are equal to the nanosecond; another seed changes them only where there is jitter."""

    def events(seed: int) -> list[Event]:
        asked = [(n * S // 20, 300, 40) for n in range(20)]
        return replay(fleet_of(L4, CARD, workers=2, seed=seed, jitter=jitter), jobs_of(asked, L4)).events

    assert events(1) == events(1)
    chunks = [[e for e in events(seed) if isinstance(e, Chunk)] for seed in (1, 2)]
    assert (chunks[0] == chunks[1]) == (jitter == 0)


def test_jitter_leaves_the_mean_and_respects_the_floor() -> None:
    """Over a thousand steps the mean is kept within 1 %, and no step is faster than the memory."""

    def gaps_s(jitter: float) -> npt.NDArray[np.float64]:
        client = replay(fleet_of(L4, CARD, jitter=jitter), jobs_of([(0, 10, 1000)], L4))
        return np.diff(client.told[0].at_ns) / S

    plain, varied = gaps_s(0.0), gaps_s(0.05)
    assert varied.mean() == pytest.approx(plain.mean(), rel=0.01)
    assert (varied / plain).std() == pytest.approx(0.05, rel=0.2)
    assert varied.min() >= CARD.layer_bytes / L4.bandwidth_bytes_per_s


@settings(max_examples=20, deadline=None, derandomize=True)
@given(ASKED, st.sampled_from([L4, TIGHT]) | TIGHT_ONES)
def test_throughput_does_not_fall_with_a_second_worker(asked: list[tuple[int, int, int]], chip: Chip) -> None:
    """The last of the same jobs ends no later, but for the step that it may just have missed."""

    def ends_ns(workers: int) -> int:
        client = replay(fleet_of(chip, CARD, workers=workers), jobs_of(asked, chip))
        return max(told.at_ns[-1] for told in client.told.values())

    assert ends_ns(2) <= 1.002 * ends_ns(1)


def test_littles_law_holds() -> None:
    """Mean number in the system = rate x mean time in it, within 2 %, counted by looking every 50 ms."""
    rng = np.random.default_rng(5)
    at_ns = np.cumsum(rng.exponential(S / 2, 400)).astype(int)
    asked = [(int(at), 200, int(out)) for at, out in zip(at_ns, rng.integers(20, 200, 400), strict=True)]
    client = Client(fleet_of(L4, CARD))
    seen, look_ns = [], 0
    for at, job in jobs_of(asked, L4):
        while look_ns < at:
            client.hear(look_ns)
            seen.append(client.fleet.live[0].worker.depth)
            look_ns += S // 20
        client.send(at, job)
    client.drain()
    rate_per_s = len(asked) / (look_ns / S)
    assert np.mean(seen) == pytest.approx(
        rate_per_s * client.values(lambda told: told.e2e_s).mean(), rel=0.02
    )


def test_what_fits_nowhere_is_not_taken() -> None:
    """A job that is larger than the memory would wait for ever."""
    fleet = fleet_of(TIGHT, CARD)
    room_tokens = cache_tokens(TIGHT, CARD) // BLOCK_TOKENS * BLOCK_TOKENS
    assert fleet.submit(0, Job(1, CARD.name, lane("l4"), room_tokens, 1)) is Verdict.NO_ROOM
    assert fleet.submit(0, Job(2, CARD.name, lane("l4"), room_tokens - 1, 1)) is Verdict.LIVE
    assert any(isinstance(event, Finished) for event in fleet.advance(10 * S))


def test_a_prefix_that_was_computed_is_not_computed_again() -> None:
    """The second prompt with the same beginning is answered sooner, an unlike one is not."""
    fleet = fleet_of(L4, CARD)
    told = {}
    client = Client(fleet)
    for number, prefix in enumerate([(1, 2, 3), (1, 2, 3), (1, 2, 4), (7, 8, 9)]):
        client.send(number * 10 * S, Job(number, CARD.name, lane("l4"), 1600, 10, prefix=prefix))
        client.hear((number + 1) * 10 * S - 1)
        told[number] = client.told[number].ttft_s
    assert told[3] == told[0] > 1.5 * told[2] > 1.5 * told[1]


def test_an_unused_prefix_makes_room_for_others() -> None:
    """Memory that only remembers is given to who needs it, and is then no longer remembered."""
    client = Client(fleet_of(TIGHT, CARD))
    for number, (prompt, prefix) in enumerate([(1600, (1, 2, 3)), (1900, ()), (1600, (1, 2, 3))]):
        client.send(number * 10 * S, Job(number, CARD.name, lane("l4"), prompt, 10, prefix=prefix))
        client.hear((number + 1) * 10 * S - 1)
    assert client.told[2].ttft_s == client.told[0].ttft_s
    assert all(told.ended for told in client.told.values())


def test_equal_keys_meet_on_one_worker_until_it_is_saturated() -> None:
    """All of one key on one of three workers, many keys on all; when that has no room, others help."""

    def loads(keys: list[str], output: int) -> list[int]:
        fleet = fleet_of(L4, CARD, workers=3)
        for number, key in enumerate(keys):
            fleet.submit(number * S, Job(number, CARD.name, lane("l4"), 100, output, routing_key=key))
        return sorted(member.worker.depth for member in fleet.live)

    assert loads(["a"] * 6, 4000) == [0, 0, 6]
    assert min(loads([f"key {number}" for number in range(30)], 4000)) > 3
    assert loads(["a"] * 12, 4000) == [0, 4, 8]


def test_requests_that_come_together_leave_the_front_end_together() -> None:
    """Its processor is shared: eight at once all wait for the work of all, one alone only for its own."""
    chip = replace(L4, front_end_serial_s=1.0, front_end_base_s=0.0)

    def ttft_s(jobs: int) -> list[float]:
        client = replay(fleet_of(chip, CARD), jobs_of([(0, 10, 2)] * jobs, chip))
        return [told.ttft_s for told in client.told.values()]

    assert ttft_s(1) == pytest.approx([1.0], rel=0.05)
    assert ttft_s(8) == pytest.approx([8.0] * 8, rel=0.05)


def test_the_admission_budget_holds_back_what_memory_would_take() -> None:
    """The maker's worker lets in what prompts and longest outputs add up to, and no more."""
    fleet = Fleet(parse_fleet("l4/sglang=1"))
    most = 0
    jobs = [(0, Job(number, CARD.name, lane("l4"), 4000, 4096)) for number in range(8)]
    for engine in watched(fleet, jobs):
        most = max(most, engine.running)
    assert most == L4.admission_budget_tokens // 8096 == 4
