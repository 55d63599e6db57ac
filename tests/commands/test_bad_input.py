"""Bad input: one clear line and exit code 2, never a traceback, and nothing left behind."""

from pathlib import Path

import pytest

from tests.commands.cli import SCENARIOS, Said, bench

SMOKE = str(SCENARIOS / "smoke.yaml")


def refused(*words: str, cwd: Path) -> Said:
    """The command exits with 2, says why, and leaves no run folder."""
    said = bench(*words, cwd=cwd)
    assert said.code == 2, said.out + said.err
    assert said.err.strip()
    assert not list(cwd.glob("results/*"))
    return said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--set", "arrivals.rate_per_s=-1"), "arrivals.rate_per_s: -1 is refused"),
        (("--set", "arrivals.rate_per_s=1e9"), "more than 20,000,000 requests"),
        (("--set", "classes=[]"), "classes is empty"),
        (("--set", "durration_s=3"), "did you mean 'duration_s'?"),
        (("--set", "nonsense"), "say it as key=value"),
        (("--label", "nonsense"), "say it as key=value"),
        (("--rates", "2,x"), "numbers above 0"),
        (("--target", "ftp://host"), "target.url"),
        (("--target", "http://127.0.0.1:9"), "nothing answers at http://127.0.0.1:9"),
        (("--set", "sim.fleet=h900=1"), "h900"),
        (("--set", "sim.fault_plan=missing.yaml"), "missing.yaml"),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_a_fault_in_the_command_line_is_named(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    """The message names the value and what would do."""
    assert expected in refused("run", SMOKE, *words, cwd=tmp_path).err


def test_a_scenario_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message names the file."""
    assert "missing.yaml: cannot be read" in refused("run", "missing.yaml", cwd=tmp_path).err


def test_every_fault_of_a_scenario_is_shown_at_once(tmp_path: Path) -> None:
    """Two faults, two lines, each with file and line number."""
    text = Path(SMOKE).read_text().replace("duration_s: 10", "duration_s: ten").replace("weight", "w")
    (tmp_path / "s.yaml").write_text(text.replace("batch_size", "batchsize"))
    said = refused("run", "s.yaml", cwd=tmp_path)
    assert 's.yaml:4: duration_s: "ten" is refused' in said.err
    assert "batchsize: unknown key, with value 2; did you mean 'batch_size'?" in said.err


def test_a_folder_that_exists_is_never_written_over(tmp_path: Path) -> None:
    """--out names a folder that must not exist, and what is in it stays."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "mine exists" in refused("run", SMOKE, "--out", "mine", cwd=tmp_path).err
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_trace_cannot_be_swept_over_rates(tmp_path: Path) -> None:
    """A trace has its own instants; the message says what --rates needs."""
    said = refused("run", str(SCENARIOS / "trace.yaml"), "--rates", "1,2", cwd=tmp_path)
    assert "--rates needs constant or poisson arrivals" in said.err


@pytest.mark.parametrize("command", ["summary", "report", "export", "salvage"])
def test_a_folder_that_is_no_run_is_named(command: str, tmp_path: Path) -> None:
    """Commands on results say what is missing, also where there is no result at all."""
    assert "is no run folder" in refused(command, ".", cwd=tmp_path).err
    assert "no run folder" in refused(command, cwd=tmp_path).err


def test_validate_shows_faults_of_traces_too(tmp_path: Path) -> None:
    """A broken line of the trace that a scenario names is found before anything runs."""
    (tmp_path / "t.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n")
    said = refused("validate", str(SCENARIOS / "trace.yaml"), "--set", "arrivals.file=t.csv", cwd=tmp_path)
    assert "t.csv:2: broken line" in said.err
