"""What a file may hold is explained in the docs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from bench.analyze import (
    Assured,
    Check,
    ColdStart,
    CurvePoint,
    CurveStep,
    Gaps,
    Generator,
    LaneStarts,
    Lengths,
    Level,
    Middle,
    Part,
    PerWorker,
    Provisioning,
    Refused,
    Retries,
    RunFacts,
    RunPoint,
    Searched,
    SearchReport,
    SloResult,
    Spread,
    Stage,
    StartsReport,
    Summary,
    Tally,
    Verdict,
    Window,
)
from bench.analyze.baseline import Baseline
from bench.analyze.gate import (
    Clause,
    ClauseVerdict,
    GateReport,
    LeftOut,
    Look,
    MetricVerdict,
    NoiseOf,
    NoiseReport,
    Policy,
    Watched,
    load_policy,
)
from bench.analyze.history import PastRun, RunLeftOut, Setting
from bench.analyze.moved import Change as Shift
from bench.analyze.moved import Point, Series
from bench.analyze.plan import (
    Answer,
    Asked,
    Capacities,
    Capacity,
    Change,
    Floor,
    InModel,
    Mix,
    Plan,
    Price,
    Prices,
    ReplicasOf,
    Scaling,
    Settings,
    load_capacities,
    load_prices,
)
from bench.analyze.profiles import (
    Bought,
    Bracket,
    Compared,
    EqualSlo,
    LeftOutRun,
    ProfilesReport,
    RatioOf,
    Reached,
    Scaled,
    Sustained,
)
from bench.analyze.profiles import Point as Placed
from bench.analyze.trend import TrendReport
from bench.experiment import CapacitySearch, Experiment, Job, Made
from bench.metrics import REQUEST_METRICS, RUN_METRICS
from bench.record import EVENTS, REQUESTS, SCHEDULE, Outcome, RunFolder, RunInfo, TargetSaid

DOCS = Path(__file__).parents[2] / "docs"
MODELS: tuple[type[BaseModel], ...] = (
    *(RunInfo, Summary, RunFacts, Window, Part, Tally, Spread, Level, SloResult, Lengths, Provisioning),
    *(Check, Gaps, Generator, Verdict, PerWorker, Retries, TargetSaid, Stage),
)

STARTS: tuple[type[BaseModel], ...] = (
    StartsReport,
    LaneStarts,
    ColdStart,
    CurveStep,
    Assured,
    Middle,
    Refused,
)

GATE: tuple[type[BaseModel], ...] = (
    *(
        GateReport,
        MetricVerdict,
        ClauseVerdict,
        LeftOut,
        Look,
        Policy,
        Watched,
        Clause,
        Experiment,
        Job,
        NoiseOf,
        NoiseReport,
        Baseline,
        PastRun,
        Setting,
    ),
)
TREND: tuple[type[BaseModel], ...] = (TrendReport, Series, Shift, Point, RunLeftOut, Setting)

PROFILES: tuple[type[BaseModel], ...] = (
    *(ProfilesReport, Sustained, EqualSlo, Bracket, Compared, RatioOf, Bought, Placed, Scaled, Reached),
    LeftOutRun,
)

PLAN: tuple[type[BaseModel], ...] = (
    *(Answer, Asked, Change, Floor, InModel, Mix, Plan, ReplicasOf, Settings),
    *(Capacities, Capacity, Scaling, Price, Prices),
)


def coded(page: str) -> list[str]:
    """Every word of a page that is set in code."""
    return re.findall(r"`([^`\n]+)`", (DOCS / page).read_text(encoding="utf-8"))


def _rows(page: str) -> Iterator[str]:
    """The first cell of each table row."""
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            yield line.split("|")[1]


@pytest.mark.parametrize("name", [*REQUEST_METRICS, *RUN_METRICS])
def test_every_metric_is_defined_and_compared(name: str) -> None:
    """A row with its definition, and one with how other tools differ."""
    assert sum(cell.strip() == f"`{name}`" for cell in _rows("metrics.md")) == 2


@pytest.mark.parametrize("name", dict.fromkeys([*REQUESTS.names, *EVENTS.names, *SCHEDULE.names]))
def test_every_column_is_explained(name: str) -> None:
    """A row of a table holds the column."""
    assert f"`{name}`" in " ".join(_rows("run-folder.md"))


@pytest.mark.parametrize("name", sorted({name for model in MODELS for name in model.model_fields}))
def test_every_key_is_explained(name: str) -> None:
    """Each key of run.json and summary.json stands on the page."""
    assert name in coded("run-folder.md")


def test_every_file_and_outcome_is_explained() -> None:
    """Nothing lies in the folder that the page does not name."""
    folder = RunFolder(Path("run"))
    files = (folder.scenario_file, folder.schedule_file, folder.requests_file, folder.events_file,
             folder.health_file, folder.summary_file, folder.report_file)  # fmt: skip
    assert {file.name for file in files} | {"run.json", "log/worker-N.msgpack"} <= set(coded("run-folder.md"))
    assert {outcome.value for outcome in Outcome} <= set(coded("run-folder.md"))


@pytest.mark.parametrize("name", sorted({name for model in GATE for name in model.model_fields}))
def test_every_key_of_the_gate_is_explained(name: str) -> None:
    """Each key of gate.json, noise.json, a policy, experiment.json and a baseline stands on the page."""
    assert name in coded("gate.md")


@pytest.mark.parametrize(
    "name", sorted({name for model in (GateReport, MetricVerdict) for name in model.model_fields})
)
def test_every_key_of_the_verdict_is_in_its_schema(name: str) -> None:
    """What CI reads stands on its page."""
    assert name in coded("ci.md")


def test_the_workflows_in_the_docs_are_yaml() -> None:
    """Both can be read, and call the gate."""
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / "ci.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        assert "bench" in str(YAML(typ="safe", pure=True).load(block))


@pytest.mark.parametrize("name", sorted({name for model in STARTS for name in model.model_fields}))
def test_every_key_of_cold_starts_is_explained(name: str) -> None:
    """Each key of provision.json stands on the page."""
    assert name in coded("provisioning.md")


@pytest.mark.parametrize("name", sorted({name for model in TREND for name in model.model_fields}))
def test_every_key_of_a_trend_is_explained(name: str) -> None:
    """Each key of trend.json stands on the page."""
    assert name in coded("trend.md")


def test_the_policy_in_the_docs_is_one(tmp_path: Path) -> None:
    """The example can be used as it stands."""
    text = (DOCS / "gate.md").read_text(encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    assert len(load_policy(tmp_path / "policy.yaml").slo) == 2


@pytest.mark.parametrize("name", sorted({name for model in PLAN for name in model.model_fields}))
def test_every_key_of_the_plan_is_explained(name: str) -> None:
    """Each key of plan.json, of capacity and price files stands on the page."""
    assert re.search(rf"\b{name}\b", " ".join(coded("plan.md")))


@pytest.mark.parametrize("name", sorted({name for model in PROFILES for name in model.model_fields}))
def test_every_key_of_compared_profiles_is_explained(name: str) -> None:
    """Each key of profiles.json stands on the page."""
    assert name in coded("profiles.md")


def test_every_key_of_a_capacity_search_is_explained() -> None:
    """Each key of its experiment.json and search.json stands on the page."""
    models: tuple[type[BaseModel], ...] = (CapacitySearch, Made, SearchReport, Searched, RunPoint, CurvePoint)
    names = {name for model in models for name in model.model_fields}
    assert names <= set(coded("capacity.md"))


def test_the_files_in_the_docs_of_the_plan_are_some(tmp_path: Path) -> None:
    """Capacities and prices can be used as they stand."""
    blocks = (DOCS / "plan.md").read_text(encoding="utf-8").split("```yaml\n")
    capacity, prices = tmp_path / "capacity.yaml", tmp_path / "prices.yaml"
    for file, block in zip((capacity, prices), blocks[1:], strict=True):
        file.write_text(block.split("```")[0])
    assert load_capacities(capacity).profiles["a100-40gb"].max_replicas == 5
    assert load_prices(prices).profiles["l4"].per_hour == 0.80
