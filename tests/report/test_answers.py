"""The figure of docs/answers shows its files, and they are what the model says today."""

import re
from pathlib import Path

from bench.analyze import load_search
from bench.commands.probing import Prober
from bench.commands.replay import Request
from bench.experiment import Probe
from bench.report.answers import FILE, draw
from bench.scenario import load
from tests.conftest import ROOT

ANSWERS = ROOT / "docs" / "answers"


def texts(figure: Path) -> list[str]:
    """Every word in a figure."""
    return re.findall(r"<text[^>]*>([^<]*)<", figure.read_text(encoding="utf-8"))


def test_the_figure_is_of_the_files_beside_it(tmp_path: Path) -> None:
    """Drawn again it says the same, and that it is simulated. Who changes the files runs make.sh."""
    draw(ANSWERS, tmp_path / FILE)
    said = texts(tmp_path / FILE)
    assert said == texts(ANSWERS / FILE)
    assert any("no GPU was measured" in text for text in said)
    for one in load_search(ANSWERS).profiles:
        assert f"confirmed {one.confirmed_per_s:.4g}/s" in said


def test_a_run_of_the_figure_is_that_of_the_model(tmp_path: Path) -> None:
    """The last that confirms the rate of an L4, made again: as many requests, as many of them good."""
    report = load_search(ANSWERS)
    found = next(one for one in report.profiles if one.profile == "l4")
    shown = found.runs[-1]
    file = ANSWERS / "chat.yaml"
    prober = Prober(Request(load(file), file, (), {}), "l4", report.target, 1, 128, virtual=True)
    # Each run of a search has the seed of its number.
    made = prober.run(Probe(shown.stage, shown.rate_per_s, len(found.runs)), tmp_path / "run")
    assert (made.stage, made.offered) == ("confirm", shown.offered)
    assert abs(made.attainment - shown.attainment) < 0.01
