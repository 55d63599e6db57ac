from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.analyze import load, summarise
from bench.record import Outcome
from tests.analyze.runs import MS, S, lost, scenario, streamed, write_run


def warned(path: Path, outcomes: Iterable[Outcome], live: Mapping[str, int]) -> tuple[str, ...]:
    """The warnings of a run that asked for a100-40gb while so many workers were alive."""
    rows = [
        streamed(i, 10 * S + i * S, [50 * MS, 70 * MS], 2, profile="a100-40gb")
        if outcome == Outcome.OK
        else lost(i, 10 * S + i * S, outcome, profile="a100-40gb")
        for i, outcome in enumerate(outcomes)
    ]
    health: list[dict[str, Any]] = [{"t_ns": t * S, "live": live} for t in range(60)]
    return summarise(load(write_run(path / "run", rows, scenario(), health))).run.warnings


def test_answers_from_another_profile_than_the_one_asked_for_are_told(tmp_path: Path) -> None:
    """Only l4 was alive, so whoever answered for a100-40gb was an l4."""
    (warning,) = warned(tmp_path, [Outcome.OK] * 5, {"l4": 2})
    assert "only l4 was alive: 5 requests were answered by the wrong profile" in warning


def test_answers_from_an_alias_are_told_as_such(tmp_path: Path) -> None:
    """The spot machines of a profile serve for it."""
    (warning,) = warned(tmp_path, [Outcome.OK] * 3, {"a100-40gb-spot": 1, "l4": 2})
    assert "3 requests were served by that alias" in warning


def test_refusals_of_a_cold_lane_and_answers_of_the_right_profile_are_no_cause_for_doubt(
    tmp_path: Path,
) -> None:
    """Who was refused was served by nobody."""
    assert warned(tmp_path / "cold", [Outcome.REFUSED] * 5, {"l4": 2}) == ()
    assert warned(tmp_path / "warm", [Outcome.OK] * 5, {"l4": 2, "a100-40gb": 1}) == ()
    assert warned(tmp_path / "none", [Outcome.OK] * 5, {}) == ()
