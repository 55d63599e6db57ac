from pathlib import Path

import pytest

from bench.scenario import ConstantArrivals, EmpiricalLength, PoissonArrivals, TraceArrivals, load
from tests.scenario.files import CHAT, PROJECT, VALID, faults_of, said, write

TWO = VALID + CHAT.replace("name: chat", "name: other")


def test_a_class_is_named_by_name_or_by_number(tmp_path: Path) -> None:
    """Both spellings reach the same key."""
    file = write(tmp_path, TWO)
    by_name = load(file, ["classes.other.weight=2.5"])
    by_number = load(file, ["classes.1.weight=2.5"])
    assert by_name == by_number
    assert [traffic.weight for traffic in by_name.classes] == [1.0, 2.5]


def test_values_are_yaml_and_new_keys_make_their_parents(tmp_path: Path) -> None:
    """Mappings, lists, words and numbers all work, also where the file says nothing."""
    scenario = load(
        write(tmp_path, VALID),
        [
            "arrivals={process: poisson, rate_per_s: 20}",
            "classes.chat.profiles=[l4, a100-40gb]",
            "classes.chat.slo.ttft_ms=300",
            "classes.chat.stream=true",
            "description=two words",
            "seeds.lengths=7",
        ],
    )
    assert scenario.arrivals == PoissonArrivals(process="poisson", rate_per_s=20)
    chat = scenario.classes[0]
    assert chat.profiles == ("l4", "a100-40gb")
    assert chat.slo is not None
    assert (chat.slo.ttft_ms, chat.slo.attainment) == (300, 0.95)
    assert (scenario.description, scenario.seeds.lengths, scenario.seeds.texts) == ("two words", 7, 1)


def test_a_later_override_wins(tmp_path: Path) -> None:
    """Overrides are applied in their order."""
    scenario = load(write(tmp_path, VALID), ["arrivals.rate_per_s=5", "arrivals.rate_per_s=6"])
    assert scenario.arrivals == ConstantArrivals(process="constant", rate_per_s=6)


def test_an_unknown_class_names_those_that_there_are(tmp_path: Path) -> None:
    """The message helps to find the right name."""
    (line,) = said(write(tmp_path, TWO), "classes.chta.weight=2")
    assert line == "--set classes.chta.weight=2: chta: there is no such place; there are: chat, other"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("duration_s", "say it as key=value"),
        ("=5", "say it as key=value"),
        ("duration_s=[1", "is not a YAML value"),
        ("duration_s=2024-13-45", "is not a YAML value"),
        ("duration_s.x=1", "there is no such place"),
        ("classes.9.weight=1", "there is no such place"),
        ("duration_s=-5", "-5 is refused"),
        ("duraton_s=5", "did you mean 'duration_s'?"),
        ("classes.chat.slo.attainment=0.9", "at least one of ttft_ms"),
        ("warmup_s=99", "leaves nothing of duration_s"),
        ("arrivals.file=5", "unknown key"),
    ],
)
def test_a_fault_in_an_override_says_so_as_its_place(tmp_path: Path, override: str, words: str) -> None:
    """The file is innocent, and no line of it is named."""
    (fault,) = faults_of(write(tmp_path, VALID), override)
    assert fault.place == f"--set {override}"
    assert words in str(fault)


def test_faults_of_file_and_overrides_come_together(tmp_path: Path) -> None:
    """A broken override hides neither the next one nor the file's own faults."""
    lines = said(write(tmp_path, VALID + "drain: 5\n"), "nonsense", "classes.chat.wieght=1", "sim.seed=-1")
    assert [line.split(": ")[0] for line in lines] == [
        "--set nonsense",
        "--set sim.seed=-1",
        "--set classes.chat.wieght=1",
        "scenario.yaml:10",
    ]


def test_files_in_a_scenario_lie_beside_it_and_those_in_an_override_here(tmp_path: Path) -> None:
    """A scenario can be run from anywhere, and the command line means the current folder."""
    text = VALID.replace("{process: constant, rate_per_s: 4}", "{process: trace, file: traces/a.csv}")
    text = text.replace("64", "{distribution: empirical, file: ../lengths.csv, column: n}")
    file = write(tmp_path, text + "sim: {fault_plan: faults.yaml}\n")
    scenario = load(file)
    length = scenario.classes[0].input_tokens
    assert isinstance(scenario.arrivals, TraceArrivals)
    assert isinstance(length, EmpiricalLength)
    assert scenario.arrivals.file == str(tmp_path / "traces/a.csv")
    assert length.file == str(tmp_path.parent / "lengths.csv")
    assert scenario.sim.fault_plan == str(tmp_path / "faults.yaml")
    here = load(file, ["arrivals.file=mine.csv"]).arrivals
    assert isinstance(here, TraceArrivals)
    assert here.file == str(Path("mine.csv").resolve())


@pytest.mark.parametrize(("written", "meant"), [("0.4", "0.4"), ("0.10", "0.10"), ('"0.10"', "0.10")])
def test_a_dialect_may_be_written_without_quotes(written: str, meant: str) -> None:
    """YAML reads it as a number, but it is a name."""
    assert load(PROJECT / "scenarios" / "smoke.yaml", [f"sim.dialect={written}"]).sim.dialect == meant
