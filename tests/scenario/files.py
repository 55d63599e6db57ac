"""Scenario files for tests, made from a small valid one."""

from pathlib import Path

import pytest

from bench.scenario import Fault, ScenarioError, load

PROJECT = Path(__file__).parents[2]

CHAT = """\
  - name: chat
    operation: chat
    model: Qwen/Qwen3-4B
    input_tokens: 64
    output_tokens: 16
"""

VALID = f"""\
name: small
duration_s: 10
arrivals: {{process: constant, rate_per_s: 4}}
classes:
{CHAT}"""


def write(folder: Path, text: str) -> Path:
    """A scenario file of that text."""
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def faults_of(file: Path, *overrides: str) -> list[Fault]:
    """Every fault of a scenario that must have some."""
    with pytest.raises(ScenarioError) as caught:
        load(file, overrides)
    return list(caught.value.faults)


def said(file: Path, *overrides: str) -> list[str]:
    """The same as lines, with the file's folder left out."""
    return [str(fault).replace(f"{file.parent}/", "") for fault in faults_of(file, *overrides)]
