"""What no reply tells, but a report must: who really served, and that a lane was cold."""

from html import unescape
from pathlib import Path

import pytest

from tests.commands.cli import bench, only_run

SCENARIO = """
name: provoked
duration_s: 6
drain_s: 10
arrivals: {process: constant, rate_per_s: 4}
classes:
  - {name: chat, operation: chat, model: Qwen/Qwen3-4B, profiles: [PROFILE], input_tokens: 40,
     output_tokens: 8}
max_error_rate: 1.0
sim: {fleet: "FLEET", cold_start_scale: SCALE}
"""

CASES = {
    "wrong profile": (
        *("a100-40gb", "l4=1,a100-40gb=0..1", "1"),
        [
            "profile a100-40gb has no live worker that serves Qwen/Qwen3-4B",
            "a100-40gb was asked for, but only l4 was alive: 24 requests were answered by the wrong profile",
        ],
    ),
    "alias": (
        *("l4", "l4-spot=1", "1"),
        [
            "its alias l4-spot is live, and will serve for it",
            "l4 was asked for, but l4-spot was alive: 24 requests were served by that alias",
        ],
    ),
    "cold lane": (
        *("l4", "l4=0..1", "0.01"),
        [
            "profile l4 has no live worker that serves Qwen/Qwen3-4B; its requests are refused until",
            "Qwen/Qwen3-4B / l4: started between",
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_report_says_what_no_reply_did(case: str, tmp_path: Path) -> None:
    """Terminal and page have the sentence, and rates per worker only where the right workers served."""
    profile, fleet, scale, sentences = CASES[case]
    scenario = tmp_path / "provoked.yaml"
    text = SCENARIO.replace("PROFILE", profile).replace("FLEET", fleet).replace("SCALE", scale)
    scenario.write_text(text, encoding="utf-8")
    said = bench("run", scenario, cwd=tmp_path)
    assert said.code == 0, said.err
    page = unescape((only_run(tmp_path / "results") / "report.html").read_text(encoding="utf-8"))
    terminal = " ".join(said.out.split())
    for sentence in sentences:
        assert sentence in page
        assert sentence in terminal
    assert ("Per live worker, in the measurement window" in page) == (case == "cold lane")
