import numpy as np
import pytest

from bench.experiment import MOST_RUNS, ExperimentError, Found, Probe, Search, Tried
from bench.experiment.search import CONFIRM_RUNS, MOST_INVALID
from tests.experiment.searches import TRUE_PER_S, System, curve, led, queue


def counting(system: System, *bad: int) -> System:
    """The same system, but the runs with those seeds do not count."""
    return lambda probe: system(probe).model_copy(update={"valid": probe.seed not in bad})


def test_what_is_confirmed_on_a_queue_is_not_too_much() -> None:
    """T11, a part of it: a few searches on the queue whose truth is known; all of it is in the benchmarks."""
    found = [led(Search(), queue(salt))[0] for salt in range(8)]
    shares = np.array([one.confirmed_per_s or np.nan for one in found]) / TRUE_PER_S
    assert 0.92 <= shares.mean() <= 1.0
    assert (shares <= 1.02).all()
    assert max(one.runs for one in found) <= MOST_RUNS
    assert all((one.refuted_per_s or np.inf) > (one.confirmed_per_s or 0) for one in found)


@pytest.mark.parametrize("target", [0.9, 0.95, 0.99])
def test_the_truth_of_a_curve_is_found_for_every_target(target: float) -> None:
    """Within 10 %, over ten searches each; and never more than 2 % above it."""
    found = [led(Search(attainment=target), curve(40.0, salt, target))[0] for salt in range(10)]
    shares = np.array([one.confirmed_per_s or np.nan for one in found]) / 40.0
    assert 0.90 <= shares.mean() <= 1.0
    assert shares.max() <= 1.02


@pytest.mark.parametrize("ceiling_per_s", [4.0, 400.0])
def test_a_burst_that_misled_does_not_hide_the_truth(ceiling_per_s: float) -> None:
    """Ten times too low or too high: the bracket goes on to the side where the answer lies."""
    found, _ = led(Search(), curve(40.0, ceiling_per_s=ceiling_per_s))
    assert found.confirmed_per_s == pytest.approx(38, rel=0.1)


def test_every_run_has_a_seed_of_its_own_and_confirming_uses_fresh_runs() -> None:
    """No run is counted twice, and the last five are those that confirmed."""
    found, done = led(Search(first_seed=100), curve(5.0))
    assert [run.seed for run in done] == list(range(100, 100 + found.runs))
    assert done[0].stage == "ceiling"
    last = done[-CONFIRM_RUNS:]
    assert {(run.stage, run.rate_per_s) for run in last} == {("confirm", found.confirmed_per_s)}


def test_a_search_goes_on_at_the_first_missing_run() -> None:
    """After any number of runs, asked anew: the same next run, and the same end."""
    found, done = led(Search(), curve(5.0))
    for count, run in enumerate(done):
        probe = Search().next(done[:count])
        assert isinstance(probe, Probe)
        assert (probe.stage, probe.seed) == (run.stage, run.seed)
        assert probe.rate_per_s in {None, run.rate_per_s}
    assert Search().next(done) == found


def test_the_runs_of_another_search_are_refused() -> None:
    """A history that these options would not have made."""
    _, done = led(Search(), curve(5.0))
    with pytest.raises(ExperimentError, match="begun with other options"):
        Search(first_seed=7).next(done)
    with pytest.raises(ExperimentError, match="begun with other options"):
        Search().next([done[0], done[1].model_copy(update={"rate_per_s": 1.0})])


def test_the_bracket_narrows() -> None:
    """From the burst's [0.3, 1.1] to 2 %, and never outside of what it was."""
    _, done = led(Search(), curve(5.0))
    probes = [Search().next(done[:count]) for count in range(1, len(done))]
    seen = [(probe.low, probe.high) for probe in probes if isinstance(probe, Probe)]
    lows, highs = [low or 0 for low, _ in seen], [high or 0 for _, high in seen]
    assert lows == sorted(lows)
    assert highs == sorted(highs, reverse=True)
    assert highs[0] / lows[0] == pytest.approx(1.1 / 0.3)
    assert highs[-1] / lows[-1] < 1.03


def test_one_run_far_from_the_target_decides_at_once() -> None:
    """A hopeless rate, and one with almost nothing missed, take one run each; one near the target more."""
    runs: dict[float, int] = {}
    for run in led(Search(), curve(5.0))[1]:
        runs[run.rate_per_s] = runs.get(run.rate_per_s, 0) + (run.stage == "bisect")
    first = 5.0 * 1.3 * np.sqrt(1.1 * 0.3)
    assert runs[min(runs, key=lambda rate: abs(rate - first))] == 1
    assert max(runs.values()) > 1


def test_runs_that_do_not_count_are_made_again_and_not_for_ever() -> None:
    """One is replaced at the same rate with a new seed; after three in a row it is enough."""
    found, done = led(Search(), counting(curve(5.0), 2))
    assert found.outcome == "confirmed"
    assert done[1].rate_per_s == done[2].rate_per_s
    found, done = led(Search(), counting(curve(5.0), *range(2, 100)))
    assert (found.outcome, len(done)) == ("invalid", 1 + MOST_INVALID)
    assert "did not count" in found.sentence


def test_no_search_makes_more_runs_than_it_may_and_what_is_not_confirmed_by_then_is_said() -> None:
    """Every second run does not count: they are among the forty, some searches end without an answer."""
    odd = range(3, 100, 2)
    found = [led(Search(), counting(curve(5.0, salt), *odd))[0] for salt in range(20)]
    assert max(one.runs for one in found) <= MOST_RUNS
    assert {one.outcome for one in found} == {"confirmed", "inconclusive"}
    unsaid = next(one for one in found if one.outcome == "inconclusive")
    assert unsaid.confirmed_per_s is None
    assert "confirmed nothing, and more than 40 are not made; " in unsaid.sentence
    assert "of them did not count" in unsaid.sentence


def test_no_confirmation_is_begun_that_cannot_be_ended() -> None:
    """What never reaches its target by little: the last five runs are at one rate, and no more follow."""
    found, done = led(Search(), drifting(5.0))
    assert found.outcome == "inconclusive"
    assert found.estimate_per_s is not None
    assert MOST_RUNS - CONFIRM_RUNS < found.runs <= MOST_RUNS
    assert done[-1].stage == "confirm"


def drifting(true_per_s: float) -> System:
    """Good enough while the search bisects, and a little too slow from then on, at any rate."""
    system = curve(true_per_s)

    def run(probe: Probe) -> Tried:
        tried = system(probe)
        uneven = 0.95 + 0.02 * (-1) ** probe.seed
        return tried.model_copy(update={"attainment": uneven}) if probe.stage == "confirm" else tried

    return run


def answered(attainment: float, rate_per_s: float = 10.0) -> System:
    """The same share at every rate."""
    return lambda probe: Tried(
        stage=probe.stage,
        rate_per_s=probe.rate_per_s or rate_per_s,
        seed=probe.seed,
        attainment=attainment,
        offered=1000,
    )


def test_where_no_rate_passes_it_is_said() -> None:
    """Nothing is confirmed, and the lowest rate that was refuted is told."""
    found, _ = led(Search(), answered(0.2))
    assert found.outcome == "inconclusive"
    assert found.confirmed_per_s is None
    assert found.refuted_per_s is not None
    assert found.sentence.startswith("inconclusive: even ")


def test_a_burst_without_an_answer_ends_it() -> None:
    """There is nothing to set a bracket by."""
    silent = Tried(stage="ceiling", rate_per_s=0.0, seed=1)
    found = Search().next([silent])
    assert isinstance(found, Found)
    assert "no answer at all" in found.sentence


def test_where_every_rate_passes_the_highest_that_was_tried_is_confirmed() -> None:
    """Nothing is refuted, so nothing is said to be."""
    found, _ = led(Search(), answered(1.0))
    assert found.outcome == "confirmed"
    assert found.refuted_per_s is None
    assert found.confirmed_per_s is not None
    assert found.confirmed_per_s > 20
