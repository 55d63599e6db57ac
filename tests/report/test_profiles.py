"""The page of compared profiles, in a real browser."""

from pathlib import Path
from typing import Any

import pytest

from bench.analyze import load_starts
from bench.analyze.plan import load_prices
from bench.analyze.profiles import Sources, design_of, load_searches, report_profiles
from bench.report import write_profiles, write_profiles_page
from tests.analyze.capacity_folders import write_capacity
from tests.analyze.starts import write_starts
from tests.experiment.twins import made
from tests.report.reading import check_page

SECTIONS = (
    "At equal SLO: rate and cost",
    "At equal load: latency",
    "What if prices change",
    "What if the limits change",
    "What a user sees against what it costs",
    "How long a cold start takes",
    "Numbers",
    "What it rests on",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An L4 against a GPU that is twice as fast for twice the price, with cold starts of the L4."""
    place = tmp_path_factory.mktemp("profiles")
    (place / "prices.yaml").write_text("profiles: {l4: 1.00, a100-40gb: 2.00}")
    design = design_of(load_searches([write_capacity(place / "capacity")]))
    made(place / "compared", design, 5, 1)
    starts = load_starts(write_starts(place / "starts", [4.5, 8.5, 6.5, 3.5, 20.5]))
    sources = Sources(design, load_prices(place / "prices.yaml"), starts=starts)
    write_profiles(place / "compared", report_profiles(place / "compared", sources))
    write_profiles_page(place / "compared")
    return place / "compared"


@pytest.mark.parametrize("width_px", [390, 1280])
def test_the_page_answers_first_and_shows_each_comparison(chrome: Any, folder: Path, width_px: int) -> None:
    """Who is cheaper, whether any GPU was measured, then a figure with a sentence for each part."""
    seen = check_page(chrome, folder / "report.html", width_px, figures=6)
    assert seen.startswith("l4 against a100-40gb")
    first = seen[: seen.index(SECTIONS[0])]
    assert "SIMULATED, VIRTUAL TIME: no GPU was measured" in first
    assert "a100-40gb is cheaper: a million output tokens" in first
    assert "the ranking turns where a100-40gb costs" in first
    assert "faster in ttft.p50" in first
    assert "no point is called dominated; that takes 10" in first
    assert [section for section in SECTIONS if section not in seen] == []
    assert "starts has no start of a100-40gb that counts." in seen
    assert "covers p54 with 95% confidence" in seen
