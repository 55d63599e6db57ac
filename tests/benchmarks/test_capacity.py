"""The same capacity search over real sockets and in virtual time, with the same short window."""

import json
import time
from pathlib import Path

import pytest

from tests.commands.cli import SCENARIOS, bench

PROFILES = ("l4", "a100-40gb")
SOCKETS_S, VIRTUAL_S = 45 * 60, 5 * 60
AGREE_WITHIN = 0.10


@pytest.mark.timeout(SOCKETS_S + VIRTUAL_S + 300)
def test_a_search_over_sockets_finds_what_the_model_finds(tmp_path: Path) -> None:
    """Both profiles within 45 minutes, and within a tenth of the search in virtual time (5 minutes)."""
    virtual, virtual_s = _searched(tmp_path, "virtual", VIRTUAL_S, "--simulate")
    sockets, sockets_s = _searched(tmp_path, "sockets", SOCKETS_S)
    print(f"\nvirtual: {virtual_s:.0f} s; sockets: {sockets_s:.0f} s")
    for profile in PROFILES:
        ratio = sockets[profile] / virtual[profile]
        print(f"{profile}: sockets {sockets[profile]:.4g}/s, virtual {virtual[profile]:.4g}/s: {ratio:.3f}")
        assert abs(ratio - 1) <= AGREE_WITHIN


def _searched(place: Path, name: str, limit_s: float, *words: str) -> tuple[dict[str, float], float]:
    """The confirmed rates per profile, and the seconds it took."""
    began_s = time.monotonic()
    profiles = [word for profile in PROFILES for word in ("--profile", profile)]
    said = bench(
        "capacity",
        SCENARIOS / "capacity-check.yaml",
        *profiles,
        *words,
        "--out",
        name,
        cwd=place,
        limit_s=limit_s,
    )
    print(said.out)
    assert said.code == 0, said.out + said.err
    found = json.loads((place / name / "capacity.json").read_text())["profiles"]
    return {profile: found[profile]["rate_per_s"] for profile in PROFILES}, time.monotonic() - began_s
