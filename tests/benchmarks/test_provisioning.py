"""Cold starts against the gateway's own log, at a tenth of life's length: figures of docs/provisioning.md."""

from pathlib import Path

import pytest

from tests.commands.cli import SCENARIOS, bench
from tests.commands.restarted import hold_against_truth, restarted


@pytest.mark.timeout(1800)
def test_ten_starts_hold_the_truth(tmp_path: Path) -> None:
    """Every interval has the worker's instant in it, and each median is within a second of its sample's."""
    with restarted(tmp_path, scale=0.1) as gateway:
        words = ("--profile", "l4", "--repeat", "10", *gateway, "--out", "mine")
        said = bench("provision", SCENARIOS / "cold-start.yaml", *words, cwd=tmp_path, limit_s=1500)
    assert said.code == 0, said.out + said.err
    print(said.out)
    hold_against_truth(tmp_path, tmp_path / "mine", count=10, within_s=1.0)
