"""Scale-out under load, from run folders: a request each second, and what the gateway told of its workers."""

from pathlib import Path
from typing import Any

import pytest

from bench.analyze import Provisioning, judge_start, load
from tests.analyze.runs import S, write_run
from tests.analyze.starts import MODEL, PLAN, asked, looks


def judged(
    tmp_path: Path, health: list[dict[str, Any]], workers: int = 1
) -> tuple[list[Provisioning], list[str]]:
    """Starts that count, and why others do not; the load began at 2 s, and its third request was refused."""
    good, bad = judge_start(load(write_run(tmp_path / "run", asked(), PLAN, health=health)), workers)
    return [one.start for one in good], [one.why for one in bad]


def test_it_lies_between_two_looks(tmp_path: Path) -> None:
    """The further worker was told of at 4 s, its model at 6, and neither a second before; demand was at 2."""
    (start,), refused = judged(tmp_path, looks("A", "A", "A", "A", "A", "Ab", "Ab", "AB"))
    assert refused == []
    assert (start.delay_low_s, start.delay_high_s) == pytest.approx((3.0, 4.05), abs=0.001)
    assert start.registered is not None
    assert (start.registered.low_s, start.registered.high_s) == pytest.approx((1.0, 2.05), abs=0.001)
    assert start.demand_s == pytest.approx(2.0, abs=0.001)
    assert (start.refusals, start.still_cold, start.doubt) == (1, False, None)


def test_one_that_never_came_has_no_upper_end(tmp_path: Path) -> None:
    """Registered without the model is not there yet; it is longer than until the last look."""
    (start,), _ = judged(tmp_path, looks("A", "A", "A", "A", "A", "A", "A", "Ab"))
    assert start.delay_low_s == pytest.approx(4.0, abs=0.001)
    assert (start.delay_high_s, start.still_cold, start.loaded) == (None, True, None)


@pytest.mark.parametrize(
    ("health", "why"),
    [
        (looks("AB", "AB", "AB", "AB", "AB", "ABC"), "2 workers had qwen3-4b when the load began, not 1"),
        (looks("A", "A", "AB", "AB", "AB", "ABC"), "2 workers had qwen3-4b when the load began, not 1"),
        (looks("", "", "", "", "A"), "no worker had qwen3-4b when the load began: that is a start from cold"),
        (looks("A", "Ab", "Ab", "Ab", "AB"), "the further worker had registered before the load began"),
        (looks("A", "A", "A", "A", "A", "b", "B"), "a worker was lost: 0 had qwen3-4b 4.0 s"),
        (looks("A", "A", "A", "A", "A", "B"), "a worker was lost: 1 had qwen3-4b 4.0 s"),
        (looks("A", "A", "A", "A", "", "A"), "a worker was lost: 0 had qwen3-4b 3.0 s"),
        (looks("A", "A", "A", "A", ""), "a worker was lost: 0 had qwen3-4b 3.0 s"),
        ([{"t_ns": 0, "told_ns": S, "live": {"l4": 1}}], "the gateway named no workers"),
        ([], "the gateway named no workers"),
    ],
    ids=["more", "more just before", "none", "on its way", "replaced", "replaced in one look",
         "gone and back", "gone", "an old recording", "no looks"],
)  # fmt: skip
def test_what_is_no_scale_out_is_refused(tmp_path: Path, health: list[dict[str, Any]], why: str) -> None:
    """It is told why, by what the gateway said of its workers; gone is refused without a further one, too."""
    good, refused = judged(tmp_path, health)
    assert good == []
    assert len(refused) == 1
    assert refused[0].startswith(why)


def test_a_worker_of_another_profile_is_none_of_the_lane(tmp_path: Path) -> None:
    """It neither counts as one that was there, nor as one that came."""
    health = looks("A", "A", "A", "A", "A", "A", "A", "AB")
    for line in health:
        line["serving"][MODEL]["a100-40gb"] = 1
    health[4]["joined"] |= {"X": "a100-40gb"}
    health[4]["loaded"][MODEL].append("X")
    (start,), refused = judged(tmp_path, health)
    assert refused == []
    assert start.delay_low_s == pytest.approx(3.0, abs=0.001)


def test_a_lane_may_have_several_before(tmp_path: Path) -> None:
    """From two to three."""
    (start,), _ = judged(tmp_path, looks("AB", "AB", "AB", "AB", "ABC"), workers=2)
    assert (start.delay_low_s, start.delay_high_s) == pytest.approx((0.0, 1.05), abs=0.001)
