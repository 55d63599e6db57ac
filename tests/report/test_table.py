from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from bench.analyze import check, compare_rates, load, summarise
from bench.record import Outcome, RunFolder, Salvage
from bench.report import WIDTH, render_summary, render_sweep
from tests.analyze.runs import CHAT, MS, S, lost, mixed_run, scenario, streamed, write_run


def printed(what: RenderableType) -> list[str]:
    """The lines on a terminal of 100 columns."""
    console = Console(width=WIDTH, no_color=True, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(what)
    return capture.get().splitlines()


def table(folder: RunFolder) -> list[str]:
    """A run's summary as it is printed; never too wide, never cut."""
    run = load(folder)
    summary = summarise(run)
    lines = printed(render_summary(summary, check(summary, run.scenario)))
    assert max(map(len, lines)) <= WIDTH
    assert not any("…" in line for line in lines)
    return lines


def words_of(lines: list[str]) -> str:
    """The text without line breaks."""
    return " ".join(" ".join(lines).split())


def test_the_summary_fits_and_says_it_all(tmp_path: Path) -> None:
    """All operations, both profiles, the books, rates, cold start, verdict and marker are there."""
    text = words_of(table(mixed_run(tmp_path / "run")))
    for word in ("chat", "generate", "encode", "score", "l4", "a100-40gb", "TTFT p50", "SIMULATED"):
        assert word in text
    assert "scheduled 480 = ok 462 + failed 4 + refused 8 + timed_out 6" in text
    assert "cold starts are 20x shorter than life" in text
    assert "started between 3.4 s and 5.6 s" in text
    assert "UNCALIBRATED" in text
    assert "SLO MISSED error rate 2.25% is above 1.00%" in text


def test_long_names_and_large_numbers_are_not_cut(tmp_path: Path) -> None:
    """Names wrap; every digit of every number is printed."""
    name, profile = "a-class-with-quite-a-long-name-" * 3, "h100-80gb-sxm-multi-instance-" * 3
    chat = CHAT | {"name": name, "profiles": [profile]}
    facts = {"traffic_class": name, "profile": profile}
    rows = [streamed(i, 10 * S + i * MS, [899_123 * MS, 1_899_123 * MS], 2, **facts) for i in range(1200)]
    lines = table(write_run(tmp_path / "run", rows, scenario([chat], name="n" * 120)))
    text = "".join(line.replace(" ", "") for line in lines)
    assert "899123" in text
    assert "1000000" in text
    assert "1,200" in text


def test_unresolved_and_endless_quantiles_are_words(tmp_path: Path) -> None:
    """`-` where ten requests are missing beyond it, `never` among those that did not end."""
    rows = [streamed(i, 10 * S + i * MS, [MS, 2 * MS], 2) for i in range(20)]
    rows += [lost(i, 10 * S + i * MS, Outcome.TIMED_OUT) for i in range(20, 220)]
    lines = table(write_run(tmp_path / "run", rows))
    row = next(line.split() for line in lines[::-1] if line.startswith("chat"))
    assert row[2:5] == ["never", "never", "-"]
    assert any("fewer than ten requests" in line for line in lines)
    assert any("never ended" in line for line in lines)


def test_a_failed_run_is_still_a_table(tmp_path: Path) -> None:
    """Every request failed: zeros and dashes, and the SLOs by name."""
    text = words_of(table(write_run(tmp_path / "run", [lost(i, i * S, Outcome.FAILED) for i in range(60)])))
    assert "whole run scheduled 60 = failed 60" in text
    assert "chat: attainment 0.00% is below 95.00%" in text


def test_doubts_of_a_salvaged_run_are_printed(tmp_path: Path) -> None:
    """What a crash leaves open is said where the numbers are."""
    doubts = Salvage(torn_entries=1, last_beat_ns=20 * S, maybe_sent=3, maybe_ended=1)
    rows = [streamed(0, 15 * S, [MS, 2 * MS], 2), lost(1, 21 * S, Outcome.NOT_SENT)]
    text = words_of(table(write_run(tmp_path / "run", rows, state="salvaged", salvage=doubts)))
    assert "the logs are whole up to 20.00 s" in text
    assert "3 requests counted as not sent may have been sent" in text


@pytest.mark.parametrize(
    ("scale", "said"), [(1.0, "as long as in life"), (0.05, "20x shorter"), (3.0, "3x longer than life")]
)
def test_the_marker_says_how_far_from_life(tmp_path: Path, scale: float, said: str) -> None:
    """Scaled cold starts are never shown without their factor."""
    folder = mixed_run(tmp_path / "run")
    info = folder.info()
    assert info.target is not None
    info.target.said["simulated"]["cold_start_scale"] = scale
    folder.save(info)
    assert said in words_of(table(folder))


def test_a_sweep_fits(tmp_path: Path) -> None:
    """One row a rate."""
    runs = [load(mixed_run(tmp_path / f"rate-{rate}", rate_per_s=float(rate))) for rate in (4, 8)]
    lines = printed(render_sweep(compare_rates(summarise(run) for run in runs)))
    assert max(map(len, lines)) <= WIDTH
    assert [line.split()[0] for line in lines if "uncalibrated" in line] == ["4", "8"]
