from itertools import pairwise
from pathlib import Path

import pytest

from bench.record import Ended
from bench.scenario import Scenario, load
from bench.virtual import Kept, Setup, VirtualError, play, setup_of, simulate
from bench.virtual.work import Works
from bench.workload import make_schedule

S = 1_000_000_000
OPEN = """
name: open
duration_s: 60
drain_s: 30
arrivals: {process: poisson, rate_per_s: 4}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, profiles: [l4], input_tokens: 300, output_tokens: 60}
  - {name: whole, operation: generate, model: Qwen/Qwen3-4B, profiles: [l4], input_tokens: 50,
     output_tokens: 20, stream: false}
  - {name: encode, operation: encode, model: BAAI/bge-m3, profiles: [l4], input_tokens: 200, batch_size: 3}
  - {name: score, operation: score, model: BAAI/bge-reranker-v2-m3, profiles: [l4], input_tokens: 100}
sim: {fleet: l4=1}
"""
CLOSED = """
name: closed
duration_s: 120
closed_loop: {users: 6, think_time_s: 2, think: constant}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, input_tokens: 300, output_tokens: 60}
sim: {fleet: l4=1}
"""
ONE_CHAT = """
name: one
duration_s: 700
drain_s: 400
arrivals: {process: constant, rate_per_s: 0.5}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, profiles: [l4], input_tokens: 100, output_tokens: 20}
sim: {fleet: l4=0..1}
"""


def scenario_of(tmp_path: Path, text: str, *changes: str) -> Scenario:
    """A scenario from its text."""
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    return load(file, changes)


def run(tmp_path: Path, text: str, *changes: str) -> list[Ended]:
    """All that ended, by index."""
    scenario = scenario_of(tmp_path, text, *changes)
    ended = simulate(make_schedule(scenario), setup_of(scenario.sim))
    return sorted(ended, key=lambda entry: entry.record.index)


def slow_steps(tmp_path: Path, step_s: int = 12) -> tuple[str, ...]:
    """The changes that make every step of the fleet take so long."""
    file = tmp_path / "slow.yaml"
    file.write_text(f"profiles: {{l4: {{like: l4, step_overhead_s: {step_s}}}}}\n")
    return f"sim.profile_file={file}", "sim.fleet=l4/sglang=1", "sim.step_jitter=0"


@pytest.mark.parametrize("text", [OPEN, CLOSED, ONE_CHAT])
def test_equal_seeds_give_equal_records(tmp_path: Path, text: str) -> None:
    """Twice the same is the same to the nanosecond; another seed is another run."""
    once, again = run(tmp_path, text), run(tmp_path, text)
    other = run(tmp_path, text, "sim.seed=2")
    assert once == again
    assert [entry.record for entry in once] != [entry.record for entry in other]


def test_every_scheduled_request_ends_once(tmp_path: Path) -> None:
    """An open loop's records are its schedule, each with its own tokens, and no instant before another."""
    ended = run(tmp_path, OPEN)
    schedule = make_schedule(scenario_of(tmp_path, OPEN))
    assert [entry.record.index for entry in ended] == list(range(len(schedule)))
    for entry, planned in zip(ended, map(schedule.planned, range(len(schedule))), strict=True):
        record = entry.record
        assert (record.outcome, record.scheduled_ns, record.sent_ns) == ("ok", planned.due_ns, planned.due_ns)
        assert record.out_tokens == planned.out_tokens
        assert record.items_returned == planned.items
        assert sum(entry.event_chars) == (4 * (planned.out_tokens or 0) if planned.stream else 0)
        assert sorted(entry.event_ns) == list(entry.event_ns)
        last_ns = [record.first_token_ns, record.last_token_ns, record.end_ns]
        known = [instant for instant in last_ns if instant is not None]
        assert [planned.due_ns, *known] == sorted([planned.due_ns or 0, *known])


def test_a_user_waits_for_the_reply_and_thinks(tmp_path: Path) -> None:
    """Each turn of a closed loop is due one think time after the reply before it."""
    ended = run(tmp_path, CLOSED)
    for user in range(6):
        turns = [entry.record for entry in ended if entry.record.user == user]
        assert len(turns) > 10
        for before, after in pairwise(turns):
            assert before.end_ns is not None
            assert after.scheduled_ns == before.end_ns + 2 * S
        assert turns[-1].scheduled_ns < 120 * S


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_cold_start_takes_minutes(tmp_path: Path, seed: int) -> None:
    """At scale 1 a lane that sleeps wakes three to seven minutes after its first demand."""
    ended = run(tmp_path, ONE_CHAT, f"sim.seed={seed}")
    refused = [e.record for e in ended if e.record.outcome == "refused"]
    served = [e.record for e in ended if e.record.outcome == "ok"]
    assert {(r.status, r.reason) for r in refused} == {(202, "provisioning")}
    assert len(refused) + len(served) == len(ended)
    assert served[0].scheduled_ns == refused[-1].scheduled_ns + 2 * S
    assert 180 * S <= served[0].scheduled_ns - refused[0].scheduled_ns <= 420 * S


def test_a_refusal_is_tried_again_until_served(tmp_path: Path) -> None:
    """With `retry: wait` the tries are on the record, no pause above the cap, no try after the budget."""
    ended = run(tmp_path, ONE_CHAT, "retry.policy=wait", "retry.cap_s=10", "retry.budget_s=600")
    first = ended[0].record
    assert (first.outcome, first.attempts, len(first.attempt_log)) == ("ok", first.attempts, first.attempts)
    assert first.attempts > 15
    assert first.first_sent_ns == 0
    assert first.sent_ns == first.attempt_log[-1].sent_ns
    pauses = [after.sent_ns - b.end_ns for b, after in pairwise(first.attempt_log)]
    assert all(7.5 * S <= pause <= 10 * S for pause in pauses)
    gave_up = run(tmp_path, ONE_CHAT, "retry.policy=wait", "retry.cap_s=10", "retry.budget_s=30")[0].record
    assert (gave_up.outcome, gave_up.reason) == ("refused", "provisioning")
    assert gave_up.attempt_log[-1].sent_ns <= 30 * S


@pytest.mark.parametrize(
    ("changes", "reason", "limit_s"),
    [
        (("timeouts.first_byte_s=5",), "first_byte_timeout", 5),
        (("timeouts.overall_s=8",), "overall_timeout", 8),
        # The gateway's own limit, which by a prompt of 64 bytes chooses one worker, and then gives it to all.
        (("classes.chat.input_tokens=15",), "first_byte_timeout", 30),
        (("timeouts.first_byte_s=90",), "first_byte_timeout", 60),
    ],
)
def test_patience_ends(tmp_path: Path, changes: tuple[str, ...], reason: str, limit_s: int) -> None:
    """Under far too much load requests are given up at the limit, to the nanosecond."""
    flood = ("arrivals.rate_per_s=60", "classes.chat.output_tokens=400", "duration_s=40", *changes)
    ended = [e.record for e in run(tmp_path, ONE_CHAT, *flood, "sim.fleet=l4=1")]
    late = [r for r in ended if r.outcome == "timed_out" and r.reason == reason]
    assert len(late) > 50
    assert {(r.end_ns or 0) - r.scheduled_ns for r in late} == {limit_s * S}


@pytest.mark.parametrize(
    ("changes", "reason", "code", "limit_s"),
    [
        ((), "token_timeout", "inter_chunk_timeout", 10),  # the gateway's own limit
        (("timeouts.token_s=5",), "token_timeout", None, 5),
        (
            ("timeouts.first_byte_s=25", "timeouts.overall_s=25", "timeouts.token_s=9"),
            "token_timeout",
            None,
            9,
        ),
    ],
)
def test_a_stall_after_the_first_chunk_has_its_own_limit(
    tmp_path: Path, changes: tuple[str, ...], reason: str, code: str | None, limit_s: int
) -> None:
    """With steps of 12 s each stream ends at the limit after its one chunk, as the gateway's watch has it."""
    ended = run(tmp_path, ONE_CHAT, *slow_steps(tmp_path), "duration_s=1", *changes)
    (record,) = (entry.record for entry in ended)
    assert (record.outcome, record.reason, record.error_code) == ("timed_out", reason, code)
    assert record.first_token_ns == record.last_token_ns
    assert record.end_ns == (record.last_token_ns or 0) + limit_s * S


@pytest.mark.parametrize(
    ("tokens", "key", "chosen"),
    [(15, "null", ""), (16, "null", "request 0"), (15, "'user {index}'", "user 0"), (16, "k", "k")],
)
def test_one_worker_is_chosen_as_on_the_wire(tmp_path: Path, tokens: int, key: str, chosen: str) -> None:
    """By a key, or by an opening of 64 bytes; late work of a chosen worker, and only that, has 30 s more."""
    changes = (f"classes.chat.input_tokens={tokens}", f"classes.chat.routing_key={key}")
    patient = ("timeouts.first_byte_s=200", "classes.chat.output_tokens=1000", "duration_s=1")
    slow = slow_steps(tmp_path, 70)
    (record,) = (entry.record for entry in run(tmp_path, ONE_CHAT, *slow, *patient, *changes))
    assert (record.error_code, record.end_ns) == ("first_chunk_timeout", (60 if chosen else 30) * S)
    scenario = scenario_of(tmp_path, ONE_CHAT, *slow, *changes, "sim.affinity=true")
    planned = make_schedule(scenario).planned(0)
    assert Works(scenario, setup_of(scenario.sim)).job(0, planned).routing_key == chosen


def test_what_the_drain_limit_finds_is_unfinished(tmp_path: Path) -> None:
    """Nothing waits longer than the drain limit after the last arrival, and the books still balance."""
    ended = run(
        tmp_path, ONE_CHAT, "sim.fleet=l4=1", "classes.chat.output_tokens=2000", "duration_s=21", "drain_s=10"
    )
    outcomes = [entry.record.outcome for entry in ended]
    assert outcomes.count("unfinished") == len(outcomes) > 5
    assert {(entry.record.end_ns, entry.record.status) for entry in ended} == {(None, 200)}
    assert all(entry.record.headers_ns == entry.record.sent_ns for entry in ended)
    assert max(entry.event_ns[-1] for entry in ended) <= 30 * S


def test_a_spot_node_that_goes_cuts_streams_after_its_notice(tmp_path: Path) -> None:
    """A stream that began before the notice and is longer than it ends without a word, 30 s after it."""
    changes = ("sim.fleet=l4-spot=1", "sim.spot_lifetime_s=60", "arrivals.rate_per_s=0.2", "duration_s=300")
    ended = run(tmp_path, ONE_CHAT, *changes, "classes.chat.output_tokens=2500")
    cut = [entry.record for entry in ended if entry.record.outcome == "truncated"]
    assert cut
    assert {(r.reason, r.status) for r in cut} == {("no_done", 200)}
    (gone_ns,) = {r.end_ns for r in cut if r.end_ns == cut[0].end_ns}
    assert gone_ns is not None
    before = [r for r in cut if r.end_ns == gone_ns]
    assert all(r.scheduled_ns <= gone_ns - 30 * S for r in before)


WAVES = """
name: waves
duration_s: 5000
drain_s: 10
closed_loop: {users: 8, think_time_s: 600, think: constant}
retry: {policy: wait, cap_s: 10, budget_s: 900}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, profiles: [l4], input_tokens: 100, output_tokens: 20}
sim: {fleet: "l4/sglang=0..2", autoscale: true}
"""


@pytest.mark.parametrize(("think_s", "sleeps"), [(5, False), (1800, True)])
def test_a_lane_sleeps_after_the_cooldown_and_not_before(tmp_path: Path, think_s: int, sleeps: bool) -> None:
    """Steady use keeps it awake; waves half an hour apart do not, and each demand counts for two minutes."""
    scenario = scenario_of(tmp_path, WAVES, f"closed_loop.think_time_s={think_s}")
    kept = Kept()
    played = play(make_schedule(scenario), setup_of(scenario.sim), kept)
    live = [(line["t_ns"] / S, line["live"].get("l4", 0)) for line in played.census.lines(played.ended_ns)]
    asked_s = min(entry.record.scheduled_ns for entry in kept.entries) / S
    came_s = next(at_s for at_s, count in live if count)
    assert asked_s + 180 <= came_s <= asked_s + 420 + 15
    gone_s = next((at_s for at_s, count in live if at_s > came_s and not count), None)
    assert (gone_s is not None) == sleeps
    if gone_s is not None:
        tries = [attempt for entry in kept.entries for attempt in entry.record.attempt_log]
        cold_s = max(t.sent_ns for t in tries if t.status == 202 and t.sent_ns < gone_s * S) / S
        assert 900 + 120 - 15 <= gone_s - cold_s <= 900 + 120 + 15


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("target.kind=openai", "target.kind openai"),
        ("sim.fleet=l5=1", "unknown profile 'l5'"),
        ("sim.fleet=a100-40gb=1", "profile l4 is not in the fleet"),
        ("classes.chat.model=no/such", "model no/such is not known"),
        ("classes.chat.model=BAAI/bge-m3", "is one to encode, not for chat"),
        ("classes.chat.pool=lab", "no lane of the fleet is in pool lab"),
        ("classes.chat.extra={thinking: true}", "extra changes what is written"),
        ("classes.chat.response_format={type: json_object}", "response_format changes"),
        ("pools=[{name: lab, gpus: {l4: 1}}]", "pools made for a run"),
    ],
)
def test_what_virtual_time_cannot_do_is_said(tmp_path: Path, change: str, words: str) -> None:
    """One sentence names the value and what to do, before anything is computed."""
    with pytest.raises(VirtualError, match=words):
        run(tmp_path, ONE_CHAT, change)


def test_options_of_the_gateway_reach_the_model(tmp_path: Path) -> None:
    """The keys under `sim` mean what the options of `bench sim` mean."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("profiles: {mine: {like: l4, spot: true}}\n")
    changes = ("autoscale=true", "affinity=true", "step_jitter=0", f"profile_file={mine}", "fleet=mine=1")
    scenario = scenario_of(
        tmp_path, ONE_CHAT, *(f"sim.{change}" for change in changes), "sim.spot_notice_s=9"
    )
    setup: Setup = setup_of(scenario.sim)
    assert setup.affinity
    assert setup.rules.scaling is not None
    assert (setup.rules.step_jitter, setup.rules.spot_notice_s) == (0, 9)
    assert setup.catalog.chips["mine"].spot
