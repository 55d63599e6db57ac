from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.scenario import EmpiricalLength, FixedLength, LognormalLength, TraceLength
from bench.workload import LengthError
from bench.workload.lengths import draw

NONE = np.empty(0, dtype=np.int32)


def _rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=40)
@given(st.floats(1, 1e5), st.floats(0, 3), st.integers(1, 500), st.integers(0, 500), st.integers(0, 99))
def test_lognormal_lengths_keep_their_bounds(
    median: float, sigma: float, low: int, width: int, seed: int
) -> None:
    """Whatever the median, nothing is below min or above max."""
    length = LognormalLength(distribution="lognormal", median=median, sigma=sigma, min=low, max=low + width)
    drawn = draw(length, _rng(seed), 200, NONE)
    assert drawn.min() >= low
    assert drawn.max() <= low + width


def test_lognormal_lengths_have_the_asked_median_and_sigma() -> None:
    """Both within 2 % over 40,000."""
    length = LognormalLength(distribution="lognormal", median=1000, sigma=0.5)
    drawn = draw(length, _rng(), 40_000, NONE)
    assert np.median(drawn) == pytest.approx(1000, rel=0.02)
    assert np.log(drawn).std() == pytest.approx(0.5, rel=0.02)


def test_a_fixed_length_never_varies() -> None:
    """Every one is the same."""
    assert draw(FixedLength(tokens=7), _rng(), 5, NONE).tolist() == [7] * 5


def test_a_trace_length_is_the_trace_s_own() -> None:
    """In the trace's order."""
    assert draw(TraceLength(), _rng(), 3, np.array([5, 1, 9], np.int32)).tolist() == [5, 1, 9]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.integers(0, 50), st.integers(0, 50))
def test_empirical_lengths_come_from_the_values_and_a_longer_draw_keeps_the_prefix(
    values: list[int], short: int, more: int
) -> None:
    """Drawn with replacement, in one order."""
    length = EmpiricalLength(distribution="empirical", values=tuple(values))
    drawn = draw(length, _rng(), short + more, NONE)
    assert set(drawn.tolist()) <= set(values)
    assert np.array_equal(draw(length, _rng(), short, NONE), drawn[:short])


def _file(folder: Path, text: str) -> EmpiricalLength:
    file = folder / "lengths.csv"
    file.write_bytes(text.encode())
    return EmpiricalLength(distribution="empirical", file=str(file), column="n")


def test_lengths_are_read_from_a_column(tmp_path: Path) -> None:
    """Other columns do not matter, and 0 counts as 1."""
    drawn = draw(_file(tmp_path, "id,n\na,5\nb,0\nc,70\n"), _rng(), 200, NONE)
    assert set(drawn.tolist()) == {1, 5, 70}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n\n5\nfive\n", "lengths.csv:3: 'five' is no whole number"),
        ("n,m\n5,1\n\n7.5,1\n", "lengths.csv:4: '7.5' is no whole number"),
        ("n\n5\n-1\n", "lengths.csv:3: '-1' is no length"),
        ("n\n99999999999\n", "lengths.csv:2: '99999999999' is no length"),
        ("m,n\n5\n", "lengths.csv:2: None is no whole number"),
        ("m\n5\n", "lengths.csv:1: no column 'n'; there are: ['m']"),
        ("n\n", "lengths.csv: no lengths in it"),
        ("", "lengths.csv:1: no column 'n'"),
    ],
)
def test_a_broken_file_of_lengths_names_its_line(tmp_path: Path, text: str, words: str) -> None:
    """The value that cannot be used stands in the message."""
    with pytest.raises(LengthError) as caught:
        draw(_file(tmp_path, text), _rng(), 1, NONE)
    assert words in str(caught.value)


def test_a_file_of_lengths_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, or no text."""
    length = EmpiricalLength(distribution="empirical", file=str(tmp_path / "none.csv"), column="n")
    with pytest.raises(LengthError, match="No such file"):
        draw(length, _rng(), 1, NONE)
    (tmp_path / "none.csv").write_bytes(b"n\n\xff\n")
    with pytest.raises(LengthError, match="no CSV file in UTF-8"):
        draw(length, _rng(), 1, NONE)
