"""Hand-made streams: each number is exactly what docs/metrics.md says, and null where it says null."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analyze import Spread, load, measured, summarise
from bench.record import Outcome
from tests.analyze.runs import MS, S, Streamed, lost, record, scenario, streamed, write_run

AT = 20 * S


def row_of(tmp_path: Path, row: Streamed) -> "pd.Series[float]":
    """The one row of a run of one request."""
    return measured(load(write_run(tmp_path / "run", [row]))).iloc[0]


def spreads(tmp_path: Path, rows: list[Streamed]) -> dict[str, Spread]:
    """The latencies of a run."""
    return summarise(load(write_run(tmp_path / "run", rows))).overall.latencies


def test_latency_counts_from_the_scheduled_instant(tmp_path: Path) -> None:
    """TTFT and E2E start when the request was due, `_sent` ones when it was sent; send lag lies between."""
    late = dict.fromkeys(("first_sent_ns", "handed_ns", "sent_ns"), AT + 40 * MS)
    row = row_of(tmp_path, streamed(0, AT, [100 * MS, 130 * MS], 2, **late))
    assert row["ttft_s"] == pytest.approx(0.100)
    assert row["ttft_sent_s"] == pytest.approx(0.060)
    assert row["e2e_s"] == pytest.approx(0.131)
    assert row["e2e_sent_s"] == pytest.approx(0.091)
    assert row["send_lag_s"] == pytest.approx(0.040)


def test_tpot_divides_by_the_tokens_after_the_first(tmp_path: Path) -> None:
    """Two tokens have one gap; the end of the stream does not count as decoding."""
    row = row_of(tmp_path, streamed(0, AT, [100 * MS, 130 * MS], 2))
    assert row["tpot_s"] == pytest.approx(0.030)
    assert row["ntpot_s"] == pytest.approx(0.131 / 2)


def test_events_are_not_tokens(tmp_path: Path) -> None:
    """Tokens that share an event count as tokens all the same."""
    row = row_of(tmp_path, streamed(0, AT, [100 * MS, 160 * MS], 7))
    assert row["tpot_s"] == pytest.approx(0.010)


@pytest.mark.parametrize(
    ("events", "tokens"), [([100], 1), ([100], 5), ([100, 130], 1), ([100, 130], None), ([100, 130], 0)]
)
def test_tpot_is_null_where_undefined(tmp_path: Path, events: list[int], tokens: int | None) -> None:
    """One token, one event, or no usage: there is no TPOT, and it is not zero."""
    row = row_of(tmp_path, streamed(0, AT, [at * MS for at in events], tokens))
    assert np.isnan(row["tpot_s"])
    assert row["ttft_s"] == pytest.approx(0.1)


def test_missing_usage_leaves_token_numbers_null(tmp_path: Path) -> None:
    """Without usage there are no tokens per second, and the mean output got is unknown."""
    folder = write_run(tmp_path / "run", [streamed(0, AT, [100 * MS, 130 * MS], None)])
    part = summarise(load(folder)).overall
    assert part.output_tokens_rate is None
    assert part.lengths.got_out is None
    assert part.latencies["tpot"].left_out == {"undefined": 1}


def test_requests_that_do_not_stream_have_no_ttft(tmp_path: Path) -> None:
    """An encode has an E2E latency only, and is not "left out" of what it cannot have."""
    facts = {"traffic_class": "chat", "operation": "encode", "stream": False, "end_ns": AT + 50 * MS}
    found = spreads(tmp_path, [(record(0, AT, **facts), [], [])])
    assert (found["ttft"].n, found["ttft"].left_out, found["ttft"].p50.value) == (0, {}, None)
    assert found["e2e"].n == 1
    assert found["e2e"].p50.value == pytest.approx(0.050)
    assert found["ntpot"].n == 0


def test_timed_out_and_unfinished_are_slower_than_any(tmp_path: Path) -> None:
    """Three answers and two without end: the median is the slowest answer, the p90 has no value."""
    answers = [streamed(i, AT + i, [(i + 1) * 100 * MS, 900 * MS], 2) for i in range(3)]
    endless = [lost(3, AT + 3, Outcome.TIMED_OUT), lost(4, AT + 4, Outcome.UNFINISHED)]
    ttft = spreads(tmp_path, answers + endless)["ttft"]
    assert (ttft.n, ttft.larger, ttft.left_out) == (5, 2, {})
    assert ttft.p50.value == pytest.approx(0.3)
    assert (ttft.p90.value, ttft.p90.beyond) == (None, True)


def test_failures_are_left_out_and_named(tmp_path: Path) -> None:
    """What has no latency is left out of the quantiles and counted beside them, by outcome."""
    kinds = [Outcome.FAILED, Outcome.REFUSED, Outcome.TRUNCATED, Outcome.CANCELLED, Outcome.NOT_SENT]
    rows = [streamed(0, AT, [100 * MS, 130 * MS], 2)]
    rows += [lost(i, AT + i, outcome) for i, outcome in enumerate(kinds, start=1)]
    found = spreads(tmp_path, rows)
    assert found["ttft"].n == 1
    assert found["ttft"].left_out == {outcome.value: 1 for outcome in kinds}
    assert found["send_lag"].n == 5


def test_degraded_answers_have_latency_but_are_not_good(tmp_path: Path) -> None:
    """A degraded answer is ranked, completed and no error, and yet it does not meet its SLO."""
    row = streamed(0, AT, [100 * MS, 130 * MS], 2, outcome=Outcome.DEGRADED, reason="no_done")
    part = summarise(load(write_run(tmp_path / "run", [row]))).overall
    assert part.latencies["ttft"].n == 1
    assert (part.error_rate, part.attainment) == (0.0, 0.0)


def test_unresolved_quantiles_keep_their_value(tmp_path: Path) -> None:
    """The number stays in the summary with `resolved: false`; only tables hide it."""
    p99 = spreads(tmp_path, [streamed(0, AT, [100 * MS, 130 * MS], 2)])["ttft"].p99
    assert p99.value == pytest.approx(0.1)
    assert (p99.resolved, p99.printable) == (False, False)


def test_tokens_count_when_they_arrive(tmp_path: Path) -> None:
    """Half of a request's characters arrive after the window, so half of its tokens do not count."""
    at_end = streamed(0, 59 * S, [500 * MS, 900 * MS, 1500 * MS, 2000 * MS], 40)
    without_events: Streamed = (record(1, 30 * S, end_ns=31 * S, stream=False, out_tokens=10), [], [])
    too_late: Streamed = (record(2, 59 * S, end_ns=61 * S, stream=False, out_tokens=10), [], [])
    part = summarise(load(write_run(tmp_path / "run", [at_end, without_events, too_late]))).overall
    assert part.output_tokens_rate == pytest.approx((20 + 10) / 50)


def test_tokens_of_failed_requests_count(tmp_path: Path) -> None:
    """The pool produced them, whatever became of the request."""
    row = streamed(0, AT, [100 * MS, 200 * MS], 10, outcome=Outcome.FAILED, reason="connection_lost")
    part = summarise(load(write_run(tmp_path / "run", [row]))).overall
    assert part.output_tokens_rate == pytest.approx(10 / 50)
    assert part.completed_rate == 0


def test_rates_divide_by_the_window(tmp_path: Path) -> None:
    """Offered counts scheduled instants, completed and items count ends, each inside the window."""
    items = {"stream": False, "operation": "encode", "items_returned": 8}
    rows: list[Streamed] = [
        (record(i, at * S, end_ns=(at + 2) * S, **items), [], []) for i, at in enumerate((9, 20, 59))
    ]
    part = summarise(load(write_run(tmp_path / "run", rows))).overall
    assert part.offered_rate == pytest.approx(2 / 50)
    assert part.completed_rate == pytest.approx(2 / 50)
    assert part.items_rate == pytest.approx(16 / 50)


def test_asked_and_got_compare_the_same_requests(tmp_path: Path) -> None:
    """A request without usage enters neither mean."""
    rows = [
        streamed(0, AT, [100 * MS, 200 * MS], 10, asked_out_tokens=20),
        streamed(1, AT, [100 * MS, 200 * MS], None, asked_out_tokens=1000),
    ]
    lengths = summarise(load(write_run(tmp_path / "run", rows))).overall.lengths
    assert (lengths.asked_out, lengths.got_out) == (20.0, 10.0)


def test_a_run_without_requests_has_no_numbers(tmp_path: Path) -> None:
    """Nothing scheduled: rates are zero, everything else is null."""
    part = summarise(load(write_run(tmp_path / "run", [], scenario()))).overall
    assert (part.offered_rate, part.error_rate, part.attainment) == (0.0, None, None)
    assert part.run.balanced


def test_the_longest_gap_is_between_two_events(tmp_path: Path) -> None:
    """Neither the wait for the first event nor that for the end is a gap."""
    row = row_of(tmp_path, streamed(0, AT, [900 * MS, 910 * MS, 950 * MS, 960 * MS], 4, end_ns=AT + 5 * S))
    assert row["gap_max_s"] == pytest.approx(0.040)


def test_one_event_has_no_gap(tmp_path: Path) -> None:
    """A single event has a time to first token, but no gap, and that is not a gap of zero."""
    folder = write_run(tmp_path / "run", [streamed(0, AT, [100 * MS], 5)])
    summary = summarise(load(folder))
    assert np.isnan(measured(load(folder)).iloc[0]["gap_max_s"])
    assert summary.overall.latencies["gap_max"].left_out == {"undefined": 1}
    assert summary.overall.gaps is None


def test_gaps_are_pooled_over_answers_and_never_join_two(tmp_path: Path) -> None:
    """Three gaps of two answers; one answer of the two stalled for more than a second."""
    rows = [
        streamed(0, AT, [100 * MS, 110 * MS, 130 * MS], 3),
        streamed(1, AT + S, [100 * MS, 1101 * MS], 2),
        streamed(2, 5 * S, [100 * MS, 900 * MS], 2),
    ]
    gaps = summarise(load(write_run(tmp_path / "run", rows))).overall.gaps
    assert gaps is not None
    assert (gaps.n, gaps.answers, gaps.stall_share) == (3, 2, 0.5)
    assert gaps.p50.value == pytest.approx(0.020)
    assert gaps.p99.value == pytest.approx(1.001)


def test_a_stall_is_longer_than_a_second(tmp_path: Path) -> None:
    """A second exactly is none."""
    gaps = summarise(load(write_run(tmp_path / "run", [streamed(0, AT, [MS, MS + S], 2)]))).overall.gaps
    assert gaps is not None
    assert gaps.stall_share == 0


def test_cold_wait_is_the_time_between_the_first_and_the_last_try(tmp_path: Path) -> None:
    """It is part of the latency; with a single try it is nothing."""
    tries = {"first_sent_ns": AT, "handed_ns": AT + 60 * S, "sent_ns": AT + 60 * S, "attempts": 3}
    row = row_of(tmp_path / "cold", streamed(0, AT, [61 * S, 62 * S], 2, **tries))
    assert (row["cold_wait_s"], row["ttft_s"], row["ttft_sent_s"]) == (60.0, 61.0, 1.0)
    assert row_of(tmp_path / "warm", streamed(0, AT, [S, 2 * S], 2))["cold_wait_s"] == 0


def test_reasoning_is_the_first_token_and_not_the_first_visible_one(tmp_path: Path) -> None:
    """TTFT ends with the first reasoning event, TTFV with the first visible text; TPOT counts both."""
    row = row_of(tmp_path, streamed(0, AT, [100 * MS, 200 * MS, 400 * MS], 4, first_visible_ns=AT + 200 * MS))
    assert row["ttft_s"] == pytest.approx(0.1)
    assert row["ttfv_s"] == pytest.approx(0.2)
    assert row["tpot_s"] == pytest.approx(0.1)


def test_only_reasoning_has_no_first_visible_text(tmp_path: Path) -> None:
    """An answer that never shows a word has no TTFV, and none of zero."""
    row = row_of(tmp_path, streamed(0, AT, [100 * MS, 200 * MS], 2, first_visible_ns=None))
    assert np.isnan(row["ttfv_s"])
