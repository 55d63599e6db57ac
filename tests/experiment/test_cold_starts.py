"""What a start from cold sends, and in which order starts are made."""

import pytest

from bench.experiment import aimed, cold_starts
from bench.scenario import FixedLength, Generation, Scenario, load, shipped


@pytest.fixture
def scenario() -> Scenario:
    """Chat on several profiles, encode and more."""
    return load(shipped("mixed.yaml"))


def test_profiles_take_turns_and_no_two_runs_share_a_seed() -> None:
    """One lane cools while the other starts; the embedded gateway's starts differ."""
    planned = cold_starts(["l4", "a100-40gb"], repeat=3, seed=7)
    assert [job.folder for job in planned.runs] == [
        f"{profile}-{number}" for number in (1, 2, 3) for profile in ("l4", "a100-40gb")
    ]
    assert len({job.overrides for job in planned.runs}) == 6
    assert cold_starts(["l4", "a100-40gb"], repeat=2, seed=7).runs == planned.runs[:4]


def test_all_traffic_goes_to_the_profile_with_a_prober_for_each_lane(scenario: Scenario) -> None:
    """Small requests, at most one prober for a lane, however many classes it has; a valid scenario again."""
    shot = aimed(scenario, "h100", probe_every_s=1.0)
    probes = [one for one in shot.classes if one.every_s]
    assert {one.profiles for one in shot.classes} == {("h100",)}
    assert len(probes) == len({(one.pool, one.model) for one in scenario.classes})
    for one in probes:
        assert one.slo is None
        assert one.input_tokens == FixedLength(tokens=8)
        assert not isinstance(one, Generation) or one.output_tokens == FixedLength(tokens=1)
    assert Scenario.model_validate_json(shot.model_dump_json()) == shot


def test_a_prober_of_the_scenario_s_own_is_kept(scenario: Scenario) -> None:
    """A lane that has one gets no second."""
    first = aimed(scenario, "l4", probe_every_s=2.0)
    assert aimed(first, "l4", probe_every_s=1.0).classes == first.classes


@pytest.mark.parametrize(
    ("fleet", "least", "becomes"),
    [
        ("l4=2", 0, "h100=0..1"),
        ("h100=0..2", 0, "h100=0..2"),
        ("h100=2", 0, "h100=0..2"),
        ("eval:h100/sglang=1..3, l4=1", 0, "eval:h100/sglang=0..3"),
        ("l4=2", 1, "h100=1..2"),
        ("h100=2", 2, "h100=2..3"),
        ("h100=0..4, l4=1", 1, "h100=1..4"),
        ("h100=some", 1, "h100=1..some"),
    ],
)
def test_the_embedded_gateway_has_such_a_lane(
    scenario: Scenario, fleet: str, least: int, becomes: str
) -> None:
    """Alone, as another profile would answer for it, with as few workers as it must and room for more."""
    mine = scenario.model_copy(update={"sim": scenario.sim.model_copy(update={"fleet": fleet})})
    shot = aimed(mine, "h100", 1.0, least)
    assert (shot.sim.fleet, shot.sim.autoscale) == (becomes, least > 0)
    assert any(one.every_s for one in shot.classes) == (least == 0)
