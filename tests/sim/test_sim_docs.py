"""The page about the simulated gateway names everything that a fault plan or a command line can say."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from bench.sim.fault_kinds import CHECKS, KINDS
from bench.sim.model import SHIPPED, Card, Chip
from bench.sim.signals import SIGNALS

PAGE = (Path(__file__).parents[2] / "docs" / "sim.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*KINDS, *CHECKS, *SIGNALS])
def test_every_word_of_a_fault_plan_is_documented(word: str) -> None:
    """Kinds, keys and signals stand in the page as code."""
    assert re.search(rf"`{word}[`:]|[{{ ]{word}:", PAGE)


def test_every_limit_is_documented() -> None:
    """What has a default of the contract stands in the page with its option."""
    command = [sys.executable, "-m", "bench.sim", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    options = {word for word in re.findall(r"--[a-z][a-z-]+", shown) if word.endswith(("-s", "-pending"))}
    assert len(options) == 10
    assert {option for option in options if f"`{option}`" not in PAGE} == set()


@pytest.mark.parametrize("kind", [Chip, Card])
def test_every_key_of_a_profile_file_is_documented(kind: type[Chip | Card]) -> None:
    """The keys of profiles and of models stand in the page as code, and so do all shipped rows."""
    keys = {field.name for field in fields(kind)} - {"profile", "name"}
    rows = SHIPPED.chips if kind is Chip else SHIPPED.cards
    assert {word for word in keys | rows.keys() if f"`{word}`" not in PAGE} == set()
