import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analyze import Summary, load, summarise
from bench.record import Outcome
from tests.analyze.runs import MIXED, MS, S, lost, mixed, mixed_run, scenario, streamed, write_run

FATES = st.lists(st.tuples(st.sampled_from(list(Outcome)), st.integers(0, 60 * S - 1)), max_size=60)


@settings(max_examples=25, deadline=None)
@given(FATES)
def test_books_balance_whatever_happens(fates: list[tuple[Outcome, int]]) -> None:
    """Each scheduled request is in exactly one outcome, over the run and in the window."""
    rows = [
        streamed(i, at, [MS, 2 * MS], 2) if outcome == Outcome.OK else lost(i, at, outcome)
        for i, (outcome, at) in enumerate(fates)
    ]
    with tempfile.TemporaryDirectory() as folder:
        summary = summarise(load(write_run(Path(folder) / "run", rows)))
    whole, window = summary.overall.run, summary.overall.window
    assert whole.balanced
    assert whole.scheduled == len(fates) == sum(whole.outcomes.values())
    assert window.scheduled == sum(at >= 10 * S for _, at in fates)
    assert all(whole.outcomes[o.value] == sum(f == o for f, _ in fates) for o in Outcome)


def test_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    """Classes, and the profiles of each class, hold every request once."""
    summary = summarise(load(mixed_run(tmp_path / "run")))
    assert sum(part.run.scheduled for part in summary.classes) == summary.overall.run.scheduled == 480
    for total in summary.classes:
        lanes = [lane for lane in summary.lanes if lane.traffic_class == total.traffic_class]
        assert sum(lane.window.scheduled for lane in lanes) == total.window.scheduled


def test_a_missing_row_unbalances_the_books(tmp_path: Path) -> None:
    """The number of rows is held against the schedule, not against itself."""
    folder = write_run(tmp_path / "run", [streamed(i, i * S, [MS, 2 * MS], 2) for i in range(3)])
    folder.write_schedule(folder.schedule().slice(0, 2))
    assert not summarise(load(folder)).overall.run.balanced


def test_the_summary_survives_its_file(tmp_path: Path) -> None:
    """summary.json says its format version and reads back as the same summary."""
    folder = write_run(tmp_path / "run", [streamed(0, 20 * S, [MS, 2 * MS], 2)], scenario(MIXED))
    summary = summarise(load(folder))
    assert summary.format_version == 1
    assert Summary.model_validate_json(summary.to_json()) == summary


def test_the_summary_does_not_depend_on_how_many_logs_hold_the_rows(tmp_path: Path) -> None:
    """T20: one log in order, and sixteen in any order, give the same numbers to the last bit."""
    rows = mixed(seed=4)
    plan = scenario(MIXED)
    one = summarise(load(write_run(tmp_path / "a" / "run", rows, plan)))
    shuffled = random.Random(4).sample(rows, len(rows))
    many = summarise(load(write_run(tmp_path / "b" / "run", shuffled, plan, logs=16)))
    for part in Summary.model_fields:
        if part != "verdict":  # which worker sent how much is its matter
            assert getattr(many, part) == getattr(one, part), part
