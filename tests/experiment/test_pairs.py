from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analyze.gate import Policy
from bench.experiment import Experiment, Job, pairs, read, run_all

OLD, NEW = ("target.url=http://old",), ("target.url=http://new",)


def seeds(job: Job) -> tuple[str, ...]:
    """The overrides that set seeds."""
    return tuple(change for change in job.overrides if change.startswith("seeds."))


@given(st.integers(0, 1_000_000), st.integers(3, 20))
def test_pairs_are_twins_in_turning_order(seed: int, last: int) -> None:
    """Both runs of a pair have the same seeds, no two pairs do, and AB and BA take turns."""
    runs = pairs(Policy(looks=(last,)), OLD, NEW, seed).runs
    both = list(zip(runs[::2], runs[1::2], strict=True))
    assert len(both) == last + 1
    assert all(a.pair == b.pair and seeds(a) == seeds(b) and len(seeds(a)) == 6 for a, b in both)
    assert len({seeds(a) for a, _ in both}) == len(both)
    assert all({a.arm, b.arm} == {"baseline", "candidate"} for a, b in both)
    assert all(one[0].arm != other[0].arm for one, other in pairwise(both))
    assert all(job.overrides[0] == (OLD if job.arm == "baseline" else NEW)[0] for job in runs)


def test_a_coin_decides_who_is_first_and_the_same_seed_throws_it_the_same_way() -> None:
    """Over seeds both arms begin."""
    first = [pairs(Policy(), OLD, NEW, seed).runs[0].arm for seed in range(20)]
    assert set(first) == {"baseline", "candidate"}
    assert pairs(Policy(), OLD, NEW, 7) == pairs(Policy(), OLD, NEW, 7)


def test_what_is_decided_is_not_run_on(tmp_path: Path) -> None:
    """Asked before each run; the plan on disk keeps the runs that were not needed, and the policy."""
    planned = pairs(Policy(looks=(3,)), OLD, NEW, 1)

    def enough(so_far: Experiment) -> bool:
        return sum(job.done for job in so_far.runs) == 4

    done = run_all(tmp_path / "ab", planned, lambda _job, _path: True, enough)
    assert [job.done for job in done.runs] == [True] * 4 + [False] * 4
    assert read(tmp_path / "ab") == done
    assert read(tmp_path / "ab").policy == Policy(looks=(3,))


@pytest.mark.parametrize("last", [5, 10])
def test_as_many_pairs_are_planned_as_may_be_needed(last: int) -> None:
    """Those of the last look, and one for each that may be invalid."""
    policy = Policy(looks=(3, last), most_invalid_pairs=2)
    assert len(pairs(policy, OLD, NEW, 1).runs) == 2 * (last + 2)
