from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.record import SCHEDULE, RunFolder
from bench.scenario import Scenario
from bench.workload import RING, Schedule, make_schedule
from tests.workload.scenarios import CHAT, CLASSES, CLOSED, ENCODE, OPEN, SCORE, scenario

CLOSED_LOOP = {"users": 3, "think_time_s": 0.5}
COLUMNS = ("due_ns", "class_number", "profile_number", "item_tokens", "out_tokens")


def _bytes(said: Scenario, folder: Path) -> bytes:
    folder.mkdir()
    run = RunFolder(folder)
    run.write_schedule(make_schedule(said).table().select(SCHEDULE.names).cast(SCHEDULE))
    return run.schedule_file.read_bytes()


@pytest.mark.parametrize("loop", [{}, {"closed_loop": CLOSED_LOOP}], ids=["open", "closed"])
def test_equal_seeds_make_equal_files_and_other_seeds_others(tmp_path: Path, loop: dict[str, Any]) -> None:
    """schedule.parquet is the same byte for byte, and the hash that workers compare says the same."""
    said = scenario(classes=list(CLASSES), **loop)
    other = scenario(classes=list(CLASSES), seeds={"lengths": 2}, **loop)
    first = _bytes(said, tmp_path / "first")
    assert _bytes(said, tmp_path / "again") == first
    assert _bytes(other, tmp_path / "other") != first
    assert make_schedule(said).hash == make_schedule(said).hash != make_schedule(other).hash


@pytest.mark.parametrize(
    ("seed", "changed"),
    [
        ("arrivals", {"due_ns"}),
        ("profiles", {"profile_number"}),
        ("lengths", {"item_tokens", "out_tokens"}),
        ("texts", set()),
        ("think", set()),
    ],
)
def test_one_seed_changes_only_its_own_dimension(seed: str, changed: set[str]) -> None:
    """The columns of the other dimensions stay equal, element for element."""
    before = make_schedule(scenario())
    after = make_schedule(scenario(seeds={seed: 2}))
    count = min(len(before), len(after))
    columns = {name: (getattr(before, name)[:count], getattr(after, name)[:count]) for name in COLUMNS}
    assert {name for name, (one, two) in columns.items() if not np.array_equal(one, two)} == changed


def test_the_seed_of_classes_changes_no_class_s_own_lengths() -> None:
    """Which request is of which class changes; the lengths of a class, in its order, do not."""
    before = make_schedule(scenario(classes=list(CLASSES)))
    after = make_schedule(scenario(classes=list(CLASSES), seeds={"classes": 2}))
    assert not np.array_equal(before.class_number, after.class_number)
    assert before.due_ns is not None
    assert after.due_ns is not None
    assert np.array_equal(before.due_ns, after.due_ns)
    for number in range(len(CLASSES)):
        one, two = (s.item_tokens[s.class_number == number] for s in (before, after))
        count = min(len(one), len(two))
        assert count > 10
        assert np.array_equal(one[:count], two[:count])


def test_the_seed_of_think_times_changes_only_them() -> None:
    """In a closed loop, where they are drawn."""
    before = make_schedule(scenario(closed_loop=CLOSED_LOOP))
    after = make_schedule(scenario(closed_loop=CLOSED_LOOP, seeds={"think": 2}))
    assert before.think_ns is not None
    assert after.think_ns is not None
    assert not np.array_equal(before.think_ns, after.think_ns)
    assert np.array_equal(before.item_tokens, after.item_tokens)


@settings(max_examples=30)
@given(OPEN, st.integers(1, 5))
def test_the_parts_of_all_workers_are_the_whole(said: Scenario, workers: int) -> None:
    """Each request falls to exactly one worker, and is the same on it."""
    schedule = make_schedule(said)
    whole = list(schedule.part(0, 1))
    parts = [one for worker in range(workers) for one in schedule.part(worker, workers)]
    assert [one.index for one in whole] == list(range(len(schedule)))
    assert sorted(parts, key=lambda one: one.index) == whole


@settings(max_examples=30)
@given(OPEN, st.floats(0.1, 3))
def test_a_longer_run_begins_with_the_shorter_one(said: Scenario, more_s: float) -> None:
    """Every fact of a request is kept, not only its instant."""
    longer = said.model_copy(update={"duration_s": said.duration_s + more_s})
    short, long = make_schedule(said), make_schedule(longer)
    assert len(long) >= len(short)
    for index in range(0, len(short), 7):
        assert long.planned(index) == short.planned(index)


@settings(max_examples=40)
@given(OPEN | CLOSED)
def test_the_table_says_of_every_row_what_planned_says(said: Scenario) -> None:
    """schedule.parquet and the requests that drive renders cannot differ."""
    schedule = make_schedule(said)
    table = schedule.table().select(SCHEDULE.names).cast(SCHEDULE)
    assert table.schema.equals(SCHEDULE)
    rows = table.to_pylist()
    assert len(rows) == len(schedule)
    for index in range(0, len(rows), 1 if schedule.is_open else 37):
        planned = schedule.planned(index)
        assert rows[index] == {
            "index": index,
            "traffic_class": planned.traffic.name,
            "operation": planned.traffic.operation,
            "stream": planned.stream,
            "model": planned.traffic.model,
            "pool": planned.traffic.pool,
            "profile": planned.profile,
            "user": planned.user,
            "turn": None if schedule.is_open else 0,
            "scheduled_ns": planned.due_ns,
            "think_ns": None if schedule.is_open else planned.think_ns,
            "asked_in_tokens": planned.in_tokens,
            "asked_out_tokens": planned.out_tokens,
            "items_asked": planned.items,
        }


def _long(*classes: dict[str, Any]) -> Schedule:
    arrivals = {"process": "constant", "rate_per_s": 2000}
    return make_schedule(scenario(classes=list(classes), arrivals=arrivals))


def test_class_weights_and_profiles_are_kept() -> None:
    """Of 20,000 requests each class gets its share within 2 %, and each profile its even part."""
    schedule = _long({**CHAT, "weight": 6}, {**ENCODE, "weight": 3}, {**SCORE, "weight": 1})
    planned = list(schedule.part(0, 1))
    shares = Counter(one.traffic.name for one in planned)
    assert [shares[name] / len(planned) for name in ("chat", "encode", "score")] == pytest.approx(
        [0.6, 0.3, 0.1], abs=0.02
    )
    profiles = Counter((one.traffic.name, one.profile) for one in planned)
    assert profiles["chat", "l4"] / shares["chat"] == pytest.approx(0.5, abs=0.02)
    assert set(profiles) == {("chat", "l4"), ("chat", "a100-40gb"), ("encode", "l4"), ("score", None)}


def test_tokens_and_items_of_a_request_are_those_of_all_its_parts() -> None:
    """Three items of an encode; a query and four documents of a score."""
    planned = list(_long(ENCODE, SCORE).part(0, 1))
    encode = next(one for one in planned if one.traffic.name == "encode")
    score = next(one for one in planned if one.traffic.name == "score")
    assert (encode.items, encode.in_tokens) == (3, 3 * encode.item_tokens)
    assert (score.items, score.in_tokens, score.out_tokens) == (4, 32 + 4 * 32, None)


def test_classes_draw_their_lengths_from_streams_of_their_own() -> None:
    """Two classes with one distribution differ, as do inputs and outputs; a third class changes neither."""
    twins = [CHAT, {**CHAT, "name": "twin"}]
    schedule, more = _long(*twins), _long(*twins, ENCODE)
    one, two = (schedule.item_tokens[schedule.class_number == number][:500] for number in (0, 1))
    outputs = schedule.out_tokens[schedule.class_number == 0][:500]
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, outputs)
    assert np.array_equal(more.item_tokens[more.class_number == 0][:500], one)


def test_turns_of_a_closed_loop_are_unique_and_come_round_again() -> None:
    """Every (user, turn) has an index of its own, and takes its facts from a ring of that user."""
    users = CLOSED_LOOP["users"]
    schedule = make_schedule(scenario(closed_loop=CLOSED_LOOP))
    turns = [schedule.turn(user, number, 3) for user in range(3) for number in range(2 * RING)]
    assert len(schedule) == RING * users
    assert len({turn.index for turn in turns}) == len(turns) == 3 * 2 * RING
    for user in range(3):
        mine = [turn for turn in turns if turn.user == user]
        assert len(mine) == 2 * RING
        lengths = [(turn.item_tokens, turn.out_tokens, turn.think_ns) for turn in mine]
        assert lengths[:RING] == lengths[RING:]
        assert len(set(lengths[:RING])) > RING / 2


def test_think_times_have_the_asked_mean_or_are_all_the_same() -> None:
    """Exponential within 8 % over 3 x 256, constant exactly."""
    random = make_schedule(scenario(closed_loop=CLOSED_LOOP)).think_ns
    same = make_schedule(scenario(closed_loop={**CLOSED_LOOP, "think": "constant"})).think_ns
    assert random is not None
    assert same is not None
    assert random.mean() == pytest.approx(0.5e9, rel=0.08)
    assert set(same.tolist()) == {500_000_000}


def test_a_schedule_may_be_empty() -> None:
    """Nothing due in a short run is a schedule of no requests, not an error."""
    arrivals = {"process": "poisson", "rate_per_s": 0.001}
    schedule = make_schedule(scenario(arrivals=arrivals, duration_s=0.1, classes=list(CLASSES)))
    assert len(schedule) == len(schedule.table()) == 0


@pytest.mark.parametrize("given_only", [False, True])
def test_a_class_with_given_lengths_has_no_turns(given_only: bool) -> None:
    """Tasks of a locustfile ask for it; where there is no other class, no schedule holds anything."""
    given = CHAT | {"name": "given", "input_tokens": "given"}
    classes = [given] if given_only else [CHAT, given]
    schedule = make_schedule(scenario(classes=classes, closed_loop=CLOSED_LOOP))
    assert set(schedule.table()["traffic_class"].to_pylist()) == (set() if given_only else {"chat"})
    assert len(schedule) == (0 if given_only else RING * 3)
    assert not schedule.is_open


def test_a_closed_loop_may_have_no_classes() -> None:
    """Then nothing but tasks of a locustfile asks."""
    table = make_schedule(scenario(classes=[], closed_loop=CLOSED_LOOP)).table()
    assert len(table.select(SCHEDULE.names).cast(SCHEDULE)) == 0


PROBE = CHAT | {"name": "probe", "every_s": 2.0, "input_tokens": 8, "output_tokens": 1}


def test_a_class_of_its_own_rhythm_stands_beside_the_arrivals() -> None:
    """One request every so many seconds, in order of time, and the others are as they were without it."""
    before = make_schedule(scenario(classes=list(CLASSES), duration_s=9.0))
    after = make_schedule(scenario(classes=[*CLASSES, PROBE], duration_s=9.0))
    probes = after.class_number == len(CLASSES)
    assert after.due_ns is not None
    assert (after.due_ns[probes] / 1e9).tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert np.all(np.diff(after.due_ns) >= 0)
    for name in COLUMNS:
        assert np.array_equal(getattr(after, name)[~probes], getattr(before, name))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": [PROBE]}, "at least one has no every_s"),
        ({"classes": [CHAT, PROBE], "closed_loop": CLOSED_LOOP}, "every_s needs arrivals"),
    ],
)
def test_a_rhythm_needs_arrivals_beside_it(changes: dict[str, Any], sentence: str) -> None:
    """What would send nothing, or when nobody knows, is a fault."""
    with pytest.raises(ValueError, match=sentence):
        scenario(**changes)
