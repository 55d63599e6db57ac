import numpy as np
import pytest

from bench.analyze.plan import (
    Answer,
    Capacities,
    Capacity,
    Demand,
    Plan,
    PlanError,
    Settings,
    busiest,
    live_of,
    make_plans,
)
from bench.analyze.plan.machines import machines_of
from bench.analyze.plan.make import changes_of
from bench.analyze.plan.mix import cheapest_each
from bench.analyze.plan.planner import Planner
from tests.analyze.plan.brute import MOST, cheapest_kept, every_reactive, every_static, machines_with_headroom
from tests.analyze.plan.days import CAPACITIES, MEAN_PER_S, PEAK_PER_S, PRICES, day, small_day

L4_ALONE = {"l4": CAPACITIES.profiles["l4"]}


@pytest.fixture(scope="module")
def answer() -> Answer:
    """The day with its bursts, on L4 and A100."""
    return make_plans(day(), CAPACITIES, PRICES, Settings())


def only(answer: Answer, policy: str, profile: str) -> Plan:
    """The plan of a policy on one profile."""
    (found,) = (p for p in answer.plans if p.policy == policy and p.profiles == (profile,))
    return found


def test_the_day_has_the_mean_and_the_peak_that_were_asked_for() -> None:
    """10.3 and 33.1 requests a second, and each burst starts with a jump of about a half."""
    rate = day().rate_per_s
    assert rate.mean() == pytest.approx(MEAN_PER_S)
    assert rate.max() == pytest.approx(PEAK_PER_S)
    assert (rate[1:] / rate[:-1] > 1.45).sum() == 3


@pytest.mark.parametrize(
    ("profile", "floor", "replicas", "per_day", "per_million"),
    [("l4", 0.650, 19, 365, 2.28), ("a100-40gb", 0.601, 5, 444, 2.77)],
)
def test_floor_and_static_fleet(
    answer: Answer, profile: str, floor: float, replicas: int, per_day: float, per_million: float
) -> None:
    """Worked by hand: price / (3600 rate tokens), and the peak with one to spare."""
    (mine,) = (one for one in answer.floors if one.profile == profile)
    assert mine.per_million_tokens == pytest.approx(floor, abs=0.0005)
    static = only(answer, "static", profile)
    assert static.replicas[0].most == static.replicas[0].base == replicas
    assert static.per_day == pytest.approx(per_day, abs=0.5)
    assert static.per_million_tokens == pytest.approx(per_million, abs=0.01)


@pytest.mark.parametrize(
    ("profile", "growth", "utilisation", "kept_at", "per_day", "per_million"),
    [("l4", 1.467, 0.681, 0.654, 173, 1.08), ("a100-40gb", 1.512, 0.662, 0.662, 195, 1.22)],
)
def test_headroom_and_reactive_fleet(
    answer: Answer,
    profile: str,
    growth: float,
    utilisation: float,
    kept_at: float,
    per_day: float,
    per_million: float,
) -> None:
    """G and 1 / G of the day, and where the replay lets nothing wait: the table in docs/plan.md."""
    (mine,) = (one for one in answer.floors if one.profile == profile)
    assert (mine.growth, mine.utilisation) == pytest.approx((growth, utilisation), abs=0.0005)
    reactive = only(answer, "reactive", profile)
    assert reactive.utilisation == pytest.approx(kept_at, abs=0.0005)
    assert reactive.per_day == pytest.approx(per_day, abs=0.5)
    assert reactive.per_million_tokens == pytest.approx(per_million, abs=0.005)


def test_the_cheapest_mix_for_peak_and_mean() -> None:
    """At 0.8: 33.1 / 0.8 takes 2 L4 and 4 A100, 16.40 an hour; 10.3 / 0.8 takes 2 and 1, 5.30."""
    mixes = make_plans(day(), CAPACITIES, PRICES, Settings(utilisation=0.8)).mixes
    told = {mix.what: (mix.replicas, round(mix.per_hour, 2)) for mix in mixes}
    assert told["peak"] == ({"l4": 2, "a100-40gb": 4}, 16.40)
    assert told["mean"] == ({"l4": 2, "a100-40gb": 1}, 5.30)


def test_the_cheaper_floor_is_delivered_dearer(answer: Answer) -> None:
    """Coarse steps and slow starts cost the A100 more than its floor saves, and the answer says so."""
    l4, a100 = (only(answer, "reactive", name).per_day for name in ("l4", "a100-40gb"))
    assert l4 < 0.95 * a100
    assert answer.inversion is not None
    assert answer.inversion.startswith("a100-40gb has the cheapest floor, yet l4 delivers")
    assert answer.best is not None
    assert answer.plans[answer.best].profiles == ("l4",)


def test_what_is_recommended_keeps_the_target_and_knows_no_future(answer: Answer) -> None:
    """No request waits; a scheduled plan is cheaper here and still not the answer."""
    assert answer.best is not None
    best = answer.plans[answer.best]
    assert (best.delayed_share, best.longest_wait_s, best.policy) == (0, 0, "reactive")
    assert answer.plans[0].policy == "scheduled"
    assert [plan.per_day for plan in answer.plans] == sorted(plan.per_day for plan in answer.plans)


def test_full_replicas_are_late_and_headroom_is_what_prevents_it() -> None:
    """At u = 1 the replay finds waits, so the planner goes down from there until it finds none."""
    planner = Planner(day(), Settings(utilisation=1.0))
    machine = machines_of(day(), CAPACITIES, PRICES)[0]
    made = planner.reactive(machine)
    assert made.utilisation is not None
    assert made.utilisation < 0.75
    assert made.fared.delayed_share == 0


def test_a_target_that_allows_delay_is_cheaper() -> None:
    """One in twenty may wait: less headroom, fewer static replicas, and what waits is within the target."""
    strict, lax = (
        make_plans(day(), CAPACITIES, PRICES, Settings(max_delayed_share=share)) for share in (0.0, 0.05)
    )
    for policy in ("static", "reactive"):
        assert only(lax, policy, "l4").per_day < only(strict, policy, "l4").per_day
        assert only(lax, policy, "l4").delayed_share <= 0.05


@pytest.mark.parametrize("seed", range(20))
def test_no_small_fleet_is_cheaper(seed: int) -> None:
    """T16: the plan lets nothing wait, and costs at most 5 % more than the best of every fleet tried."""
    demand, settings = small_day(seed), Settings(spare=0)
    machines, headroom = machines_with_headroom(demand, settings)
    answer = make_plans(demand, CAPACITIES, PRICES, settings)
    hours = demand.length_s / 86_400
    tried = {
        "static": every_static(demand, machines),
        "reactive": every_reactive(demand, machines, settings, headroom),
    }
    for policy, fleets in tried.items():
        mine = [plan for plan in answer.plans if plan.policy.endswith(policy) and plan.keeps_target]
        assert min(plan.per_day for plan in mine) * hours <= 1.05 * cheapest_kept(demand, fleets)
    assert answer.best is not None
    assert answer.plans[answer.best].delayed_share == 0


def test_the_mix_of_each_step_is_the_cheapest() -> None:
    """Of all fleets of up to six replicas of each, at every step of a trace."""
    demand = small_day(3)
    machines = machines_of(demand, CAPACITIES, PRICES)
    counts = cheapest_each(machines, demand.rate_per_s)
    mesh = np.stack(np.meshgrid(range(MOST + 1), range(MOST + 1), indexing="ij"), -1).reshape(-1, 2)
    price, rate = np.array([0.80, 3.70]), np.array([1.90, 9.5])
    for need, mine in zip(demand.rate_per_s, counts, strict=True):
        enough = mesh[mesh @ rate >= need]
        assert mine @ rate >= need - 1e-6
        assert mine @ price == pytest.approx((enough @ price).min())


def test_other_rates_than_the_confirmed_are_told_beside_the_plan() -> None:
    """Planned with what is confirmed; what the best estimate and what was refuted would cost stands there."""
    profiles = {"l4": Capacity(rate_per_s=1.9, estimate_per_s=2.0, refuted_per_s=2.2, start_s=240)}
    demand = Demand(60.0, day().classes)
    answer = make_plans(demand, Capacities(profiles=profiles), PRICES, Settings())
    assert answer.best is not None
    assert answer.at_estimate is not None
    assert answer.at_refuted is not None
    assert answer.at_refuted.per_day < answer.at_estimate.per_day < answer.plans[answer.best].per_day
    assert answer.plans[answer.best].per_million_tokens is None


def test_a_forecast_from_other_days_is_replayed_against_each_day() -> None:
    """Three days, one of them higher: the margin on what the others showed covers it, at a cost."""
    one = day().rate_per_s
    demand = Demand(60.0, {"rate_per_s": np.concatenate([one, one * 1.12, one])})
    answer = make_plans(demand, CAPACITIES, PRICES, Settings())
    plan = only(answer, "scheduled", "l4")
    assert answer.demand.days == 3
    assert plan.keeps_target
    assert plan.utilisation is not None
    assert plan.utilisation < 1 / 1.05


def test_classes_make_the_rate_of_a_replica_change_with_the_mix() -> None:
    """Half chat, half encode: 1 / (0.5 / 2 + 0.5 / 8) = 3.2 requests a second."""
    chat = np.linspace(1.0, 4.0, 60)
    demand = Demand(60.0, {"chat": chat, "encode": chat})
    capacity = Capacity(class_rates_per_s={"chat": 2.0, "encode": 8.0}, start_s=100)
    (machine,) = machines_of(demand, Capacities(profiles={"l4": capacity}), PRICES)
    assert machine.rate_per_s == pytest.approx(3.2)
    with pytest.raises(PlanError, match="the demand has class 'score'"):
        machines_of(Demand(60.0, {"score": chat}), Capacities(profiles={"l4": capacity}), PRICES)


def test_ten_thousand_requests_a_second_on_a_thousand_workers() -> None:
    """The same shape, 9 rates a worker: every plan is made, and the static one has a thousand and more."""
    capacities = Capacities(profiles={"l4": Capacity(rate_per_s=9.5, start_s=240), **_A100})
    answer = make_plans(day(3000, 10_000), capacities, PRICES, Settings())
    assert only(answer, "static", "l4").replicas[0].most == 1054
    assert answer.best is not None


_A100 = {"a100-40gb": Capacity(rate_per_s=47.5, start_s=420)}


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ({"l9": {"rate_per_s": 1, "start_s": 1}}, "l9: no price"),
        ({"l4": {"rate_per_s": 1}}, "l4: no start time"),
    ],
)
def test_what_cannot_be_planned_is_said(profiles: dict[str, dict[str, float]], expected: str) -> None:
    """The message names the profile and what to give."""
    capacities = Capacities.model_validate({"profiles": profiles})
    with pytest.raises(PlanError, match=expected):
        make_plans(day(), capacities, PRICES, Settings())


def test_a_profile_with_too_few_replicas_keeps_no_target() -> None:
    """Three L4 for a peak that takes 18: no static fleet, and the others are shown as they fare."""
    capacities = Capacities(profiles={"l4": Capacity(rate_per_s=1.9, start_s=240, max_replicas=3)})
    answer = make_plans(day(), capacities, PRICES, Settings())
    assert answer.best is None
    assert {plan.policy for plan in answer.plans} == {"reactive", "scheduled"}
    assert not any(plan.keeps_target for plan in answer.plans)
    with pytest.raises(PlanError, match="no fleet within max_replicas"):
        Planner(day(), Settings()).static(machines_of(day(), capacities, PRICES))


@pytest.mark.parametrize("policy", ["static", "reactive"])
def test_what_is_live_is_known_from_what_is_paid(policy: str) -> None:
    """The replicas to play in the model are those that the replay counted on."""
    demand, settings = small_day(7), Settings(spare=0)
    (machine,) = machines_of(demand, CAPACITIES.model_copy(update={"profiles": L4_ALONE}), PRICES)
    planner = Planner(demand, settings)
    made = planner.reactive(machine) if policy == "reactive" else planner.static([machine])
    answer = make_plans(demand, CAPACITIES.model_copy(update={"profiles": L4_ALONE}), PRICES, settings)
    assert answer.best is not None
    paid = changes_of(made.fleet, demand.step_s)
    found = live_of(answer.model_copy(update={"changes": paid}))
    assert found["l4"].tolist() == made.fleet.live[:, 0].tolist()


def test_the_busiest_part_is_found_with_its_warm_up(answer: Answer) -> None:
    """No other hour asks for more, and what is live in it is what is live over the day."""
    rate, busy = day().rate_per_s, busiest(day(), answer, 3600, 300)
    first = round(busy.start_s / 60)
    sums = [rate[at : at + 60].sum() for at in range(len(rate) - 59)]
    assert rate[first : first + 60].sum() == max(sums)
    assert (busy.length_s, busy.warmup_s, len(busy.rate_per_s)) == (3600, 300, 65)
    for name, counts in live_of(answer).items():
        part = counts[first - 5 : first + 60]
        assert busy.live[name][0] == (0, part[0])
        assert max(count for _, count in busy.live[name]) == part.max()
