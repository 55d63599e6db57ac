"""`bench fit` as a user types it."""

import json
import re
from pathlib import Path

import pytest

from bench.record import Fit, FittedKey, Prediction
from bench.sim.model import SHIPPED, load_catalog
from bench.virtual.fit.parameters import OVERHEADS, PARAMETERS
from tests.commands.cli import bench
from tests.conftest import ROOT
from tests.virtual.fits import QWEN, around, chat, measured

PAGE = (ROOT / "docs" / "fit.md").read_text(encoding="utf-8")


def test_a_fit_leaves_a_profile_and_its_errors(tmp_path: Path) -> None:
    """The table names what was told and what was not; the file loads, and is never written over."""
    traffic = chat("l4", QWEN, around(200), 40)
    truth = {"memory_efficiency": 0.7}
    for name, rate in (("seen", 1.0), ("unseen", 2.0)):
        measured(tmp_path / name, rate, traffic, truth, duration_s=45.0)
    words = ("fit", "seen", "--check", "unseen", "--hold", "compute_efficiency", "--out", "my.yaml")
    said = bench(*words, cwd=tmp_path)
    assert said.code == 0, said.err
    assert "not told by the runs: attention_efficiency" in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    chip = load_catalog(tmp_path / "my.yaml", SHIPPED).chips["l4"]
    found = Fit.model_validate(json.loads((tmp_path / "my.json").read_text()), strict=False)
    assert chip.memory_efficiency == pytest.approx(0.7, rel=0.05)
    assert {one.run for one in found.predictions if one.checked} == {"unseen"}
    again = bench(*words, cwd=tmp_path)
    assert (again.code, "my.yaml exists" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere",), "nowhere is no run folder"),
        (("nowhere", "--free", "flops"), "flops cannot be fitted; what can: memory_efficiency"),
        (("nowhere", "--free", OVERHEADS[0], "--hold", OVERHEADS[0]), "to be fitted and to be held"),
        (("nowhere", "--out", "no/where.yaml"), "no is no folder"),
        (("nowhere", "--out", "fitted.json"), "fitted.json: call the profile file .yaml"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    """With the value and what to do; exit code 2."""
    said = bench("fit", *words, cwd=tmp_path)
    assert (said.code, says in said.err) == (2, True), said.err


@pytest.mark.parametrize(
    "key", [*PARAMETERS, *(k for kind in (Fit, FittedKey, Prediction) for k in kind.model_fields)]
)
def test_every_key_is_documented(key: str) -> None:
    """Parameters and the keys of the JSON stand on the page as code."""
    assert re.search(rf"`{key}`", PAGE)
