"""What may be compared at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.analyze import AnalysisError, load_starts
from bench.analyze.plan import load_prices
from bench.analyze.profiles import design_of, load_searches, refuse_other_starts, refuse_unpriced
from tests.analyze.capacity_folders import RATES, change_runs, write_capacity
from tests.analyze.starts import write_starts


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the capacity of two profiles."""
    return write_capacity(tmp_path_factory.mktemp("searched") / "capacity")


@pytest.fixture
def capacity(searched: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(searched, tmp_path / "capacity")
    return tmp_path / "capacity"


def test_rates_are_those_of_one_replica_and_the_weakest_sets_the_equal_one(capacity: Path) -> None:
    """Half of what the pool was confirmed for, where two served; 70 % of the weakest."""
    change_runs(capacity, "a100-40gb", workers=2)
    found = load_searches([capacity])
    assert found["a100-40gb"].replicas == 2
    assert found["l4"].confirmed_per_s == RATES["l4"]
    design = design_of(found)
    assert design.reference == "l4"
    assert design.equal_per_s == pytest.approx(0.7 * 37)
    assert design.rates("l4") == pytest.approx((25.9,))
    assert design.rates("a100-40gb") == pytest.approx((77.0, 25.9))
    assert design_of(found, "a100-40gb", 20.0).others() == ("l4",)
    assert design_of(found, rate_per_s=25.5).rates("l4") == (25.5,)


def _edit(folder: Path, name: str, change: Callable[[dict[str, object]], object]) -> None:
    tree = json.loads((folder / name).read_text(encoding="utf-8"))
    change(tree)
    (folder / name).write_text(json.dumps(tree), encoding="utf-8")


SPOILT: dict[str, Callable[[Path], object]] = {
    "a100-40gb is not confirmed": lambda folder: _edit(
        folder, "capacity.json", lambda tree: tree.update(profiles={"l4": {"rate_per_s": 37.0}})
    ),
    "l4 was simulated, virtual time and a100-40gb was measured on real GPUs": lambda folder: change_runs(
        folder, "a100-40gb", simulated=False, virtual=False
    ),
    "l4 was simulated, virtual time and a100-40gb was simulated:": lambda folder: change_runs(
        folder, "a100-40gb", virtual=False
    ),
    "some runs of l4 were simulated and others not": lambda folder: _edit(
        folder,
        "experiment.json",
        lambda tree: tree["made"]["l4"][0].update(virtual=False),  # type: ignore[index]
    ),
    "l4 has no rate that its runs confirm": lambda folder: change_runs(folder, "l4", stage="bisect"),
    "no profile is confirmed yet": lambda folder: (folder / "capacity.json").unlink(),
    "it has no experiment.json": shutil.rmtree,
    "is an experiment of kind ab": lambda folder: _edit(
        folder, "experiment.json", lambda tree: tree.update(kind="ab")
    ),
    "experiment.json cannot be read": lambda folder: _edit(
        folder, "experiment.json", lambda tree: tree.update(made={"l4": 3})
    ),
}


@pytest.mark.parametrize("expected", SPOILT)
def test_what_was_not_searched_alike_is_refused(expected: str, capacity: Path) -> None:
    """One sentence that names the profile or the folder."""
    SPOILT[expected](capacity)
    with pytest.raises(AnalysisError, match=expected.replace("(", r"\(")):
        load_searches([capacity])


def test_what_was_asked_of_them_must_be_there(searched: Path) -> None:
    """Too few profiles, an unknown one, a reference or a rate that makes no sense."""
    for only, why in (
        (["l4"], "needs two profiles, and there is l4"),
        (["l5"], "--profile l5: there is none"),
    ):
        with pytest.raises(AnalysisError, match=why):
            load_searches([searched], only)
    found = load_searches([searched])
    with pytest.raises(AnalysisError, match="--reference l5: there is l4, a100-40gb"):
        design_of(found, "l5")
    with pytest.raises(AnalysisError, match=r"a replica of l4 is confirmed for 37/s; ask for 85%"):
        design_of(found, rate_per_s=33.0)


def test_two_folders_must_hold_one_scenario_and_no_profile_twice(searched: Path, tmp_path: Path) -> None:
    """A profile a folder is fine."""
    first, other = (
        write_capacity(tmp_path / "a", {"l4": 37.0}),
        write_capacity(tmp_path / "b", {"l4-spot": 37.0}),
    )
    assert list(load_searches([first, other])) == ["l4", "l4-spot"]
    with pytest.raises(AnalysisError, match="l4 was searched in"):
        load_searches([searched, first])
    strict = write_capacity(tmp_path / "c", {"l4-spot": 37.0}, "classes.chat.slo.ttft_ms=400")
    with pytest.raises(AnalysisError, match="were searched with other scenarios"):
        load_searches([first, strict])


def test_prices_and_cold_starts_must_fit(searched: Path, tmp_path: Path) -> None:
    """No price, and real cold starts beside a simulated capacity."""
    (tmp_path / "euros.yaml").write_text("currency: EUR\nprofiles: {l4: 0.80}")
    with pytest.raises(AnalysisError, match="a100-40gb: no price: give one with --prices FILE"):
        refuse_unpriced(load_prices(tmp_path / "euros.yaml"), RATES)
    starts = load_starts(write_starts(tmp_path / "starts", [4.5, 8.5], simulated=False))
    with pytest.raises(AnalysisError, match="cold starts in starts are real, and the capacity is simulated"):
        refuse_other_starts(design_of(load_searches([searched])), starts)
