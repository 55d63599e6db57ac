"""The runs of a search under other limits."""

import pytest

from bench.analyze import kept, load, measured, summarise
from bench.analyze.plan import Price, Prices
from bench.analyze.profiles.limits import Attained, Reached, limits_sentence, reached, scaled, scaled_slo
from bench.analyze.profiles.money import Money
from bench.analyze.sustained import kept_under
from bench.record import RunFolder
from tests.analyze.capacity_folders import write_capacity
from tests.experiment.twins import searched

MONEY = Money(Prices(profiles={"l4": Price(per_hour=1.0), "a100": Price(per_hour=3.0)}), None)


def tried(shares: dict[float, float], scale: float = 2.0) -> list[Attained]:
    """A run of 500 requests at each rate, with its attainment."""
    return [Attained(rate, 500, {scale: share}) for rate, share in shares.items()]


@pytest.mark.parametrize(
    ("shares", "low", "high"),
    [
        ({10: 1.0, 20: 0.97, 30: 0.90}, 20, 30),
        ({10: 1.0, 20: 0.97}, 20, None),
        ({10: 0.9, 20: 0.5}, None, 10),
        ({10: 1.0, 20: 0.94, 25: 0.97, 30: 0.5}, 25, 30),
        ({}, None, None),
    ],
)
def test_the_rate_lies_where_the_fit_crosses_the_target(
    shares: dict[float, float], low: float | None, high: float | None
) -> None:
    """Between two rates that were tried, or open; a single unlucky run between good ones is smoothed."""
    assert reached("l4", tried(shares), 2.0, 0.95) == Reached(profile="l4", low_per_s=low, high_per_s=high)


def test_the_ranking_is_told_only_where_the_brackets_part() -> None:
    """Cheaper by the worst of one against the best of the other."""
    found = {"l4": searched("l4", 10.0), "a100": searched("a100", 50.0)}
    clear = scaled(2.0, found, {"l4": tried({10: 1, 15: 0.5}), "a100": tried({50: 1, 60: 0.5})}, MONEY)
    assert clear.cheaper == "a100"
    open_end = scaled(2.0, found, {"l4": tried({10: 1}), "a100": tried({50: 1, 60: 0.5})}, MONEY)
    assert open_end.cheaper is None
    assert "not separable" in open_end.sentence
    turned = scaled(2.0, found, {"l4": tried({30: 1, 31: 0.5}), "a100": tried({50: 1, 60: 0.5})}, MONEY)
    assert turned.cheaper == "l4"
    assert limits_sentence([clear, turned]).startswith("The ranking turns with the SLO")
    assert "not separable at 2 times" in limits_sentence([clear, open_end])


def test_limits_are_scaled_and_judged_as_the_search_did(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Once the limits gives the search's own number; half of them no more, twice no less."""
    folder = write_capacity(tmp_path_factory.mktemp("limits") / "capacity", {"l4": 44.0})
    run = load(RunFolder(folder / "l4-bisect"))
    frame, asked = measured(run), kept(summarise(run), run.scenario, 0.95)
    assert asked is not None
    half, once, twice = (
        kept_under(frame, scaled_slo(run.scenario, scale), 0.95) or 0.0 for scale in (0.5, 1, 2)
    )
    assert once == pytest.approx(asked.attainment)
    assert half < once <= twice
