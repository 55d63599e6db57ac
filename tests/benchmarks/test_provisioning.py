"""Starts against the gateway's own log, at a tenth of life's length: figures of docs/provisioning.md."""

from pathlib import Path

import pytest

from tests.commands.cli import SCENARIOS, bench
from tests.commands.restarted import BUNDLES, hold_against_truth, restarted


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("scenario", "least", "fleet", "more", "models"),
    [
        ("cold-start", "0", "l4=0..1", "", list(BUNDLES)),
        ("scale-out", "1", "l4/sglang=1..2", "--autoscale", ["Qwen/Qwen3-4B"]),
    ],
    ids=["from cold", "under load"],
)
def test_ten_starts_hold_the_truth(
    tmp_path: Path, scenario: str, least: str, fleet: str, more: str, models: list[str]
) -> None:
    """Every interval has the worker's instant in it, and each median is within a second of its sample's."""
    with restarted(tmp_path, scale=0.1, fleet=fleet, more=more) as gateway:
        words = ("--profile", "l4", "--repeat", "10", "--from", least, *gateway, "--out", "mine")
        said = bench("provision", SCENARIOS / f"{scenario}.yaml", *words, cwd=tmp_path, limit_s=1500)
    assert said.code == 0, said.out + said.err
    print(said.out)
    hold_against_truth(tmp_path, tmp_path / "mine", count=10, within_s=1.0, models=models)
