"""`bench plan` as a user types it."""

import json
from pathlib import Path

import pytest

from bench.analyze.plan import load_prices
from tests.commands.cli import SCENARIOS, bench, one_line

CAPACITY = """
slo: 95 % of requests with TTFT <= 1 s
out_tokens: 180
simulated: true
profiles:
  l4: {rate_per_s: 1.90, start_s: 240}
  a100-40gb: {rate_per_s: 9.5, start_s: 420}
"""
RATES = "start_s,rate_per_s\n" + "".join(f"{hour * 3600},{4 + hour % 12}\n" for hour in range(24))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a capacity file, prices and a rate table."""
    (tmp_path / "capacity.yaml").write_text(CAPACITY)
    (tmp_path / "prices.yaml").write_text("profiles: {l4: 0.80, a100-40gb: 3.70}")
    (tmp_path / "rates.csv").write_text(RATES)
    return tmp_path


def test_a_plan_is_printed_and_left_on_disk(folder: Path) -> None:
    """A rate table, capacities by hand and own prices: table, sentence, plan.json; marked as simulated."""
    said = bench("plan", "--demand", "rates.csv", "--capacity", "capacity.yaml", "--prices", "prices.yaml",
                 "--out", "mine", cwd=folder)  # fmt: skip
    assert said.code == 0, said.err
    assert "SIMULATED capacities" in said.out
    assert "> cheapest that keeps the target:" in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    plan = json.loads((folder / "mine/plan.json").read_text())
    assert plan["floors"][0]["per_million_tokens"] == pytest.approx(0.650, abs=0.0005)
    assert len(plan["by_hour"]["l4"]) == 24


def test_a_recorded_trace_is_a_demand(folder: Path) -> None:
    """The trace of the shipped scenario, in steps of two seconds, ten times as much."""
    trace = SCENARIOS / "traces/sample-azure.csv"
    said = bench("plan", "--demand", trace, "--capacity", "capacity.yaml", "--step", "2", "--times", "10",
                 "--profile", "l4", "--start", "l4=30", cwd=folder)  # fmt: skip
    assert said.code == 0, said.err
    assert "in steps of 2 s" in said.out
    price = load_prices().profiles["l4"]
    assert f"l4: {price.per_hour:g} USD/h; {price.machine}" in said.out


@pytest.mark.parametrize(
    ("believed_per_s", "said_of_slo"), [(30, "SLO kept"), (100, "SLO MISSED")], ids=["true", "too high"]
)
def test_a_plan_is_played_in_the_model(believed_per_s: float, said_of_slo: str, folder: Path) -> None:
    """One that rests on a rate that holds keeps the SLO there; of another only the fluid thinks so."""
    (folder / "rates.csv").write_text("start_s,rate_per_s\n0,30\n60,80\n120,80\n180,40\n240,10\n")
    (folder / "capacity.yaml").write_text(f"profiles: {{l4: {{rate_per_s: {believed_per_s}, start_s: 10}}}}")
    said = bench("plan", "--demand", "rates.csv", "--capacity", "capacity.yaml", "--step", "10",
                 "--detect", "10", "--in-model", SCENARIOS / "capacity-check.yaml", "--in-model-s", "120",
                 "--spare", "0", "--out", "mine", cwd=folder)  # fmt: skip
    assert said.code == 0, said.err
    assert said_of_slo in one_line(said.out)
    played = json.loads((folder / "mine/plan.json").read_text())["in_model"]
    assert (played["start_s"], played["length_s"]) == (60, 120)
    assert played["requests"] == pytest.approx(80 * 120, rel=0.05)
    assert played["keeps_slo"] == (said_of_slo == "SLO kept")
    run = json.loads((folder / "mine/in-model/run.json").read_text())
    assert run["target"]["virtual"]
    assert run["target"]["said"]["simulated"]["script"]["l4"][0][0] == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--demand", "none.csv"), "none.csv: cannot be read"),
        (("--demand", "prices.yaml"), "a rate table has start_s,rate_per_s"),
        (("--capacity", "prices.yaml"), "prices.yaml: profiles.l4"),
        (("--start", "l4=soon"), "say it as profile=seconds"),
        (("--start", "l5=3"), "the capacity file has l4, a100-40gb"),
        (("--profile", "l5"), "capacity.yaml has l4, a100-40gb"),
        (("--in-model", str(SCENARIOS / "cold-start.yaml")), "no class has an SLO to keep in the model"),
    ],
)
def test_bad_input_of_a_plan_is_named(words: tuple[str, str], expected: str, folder: Path) -> None:
    """Exit code 2, one clear message, no folder."""
    asked = {"--demand": "rates.csv", "--capacity": "capacity.yaml"} | dict([words])
    said = bench("plan", *(word for pair in asked.items() for word in pair), cwd=folder)
    assert said.code == 2
    assert expected in said.err
    assert not (folder / "results").exists()


def test_where_nothing_keeps_the_target_the_exit_code_says_so(folder: Path) -> None:
    """Two replicas at most cannot carry it: 1, and what to change."""
    text = CAPACITY.replace("start_s: 240", "start_s: 240, max_replicas: 2")
    (folder / "capacity.yaml").write_text(text)
    said = bench(
        "plan", "--demand", "rates.csv", "--capacity", "capacity.yaml", "--profile", "l4", cwd=folder
    )
    assert said.code == 1
    assert "no plan keeps the target" in said.out
