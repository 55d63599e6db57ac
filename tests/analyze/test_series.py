import json
from pathlib import Path

import numpy as np
import pytest

from bench.analyze import (
    AnalysisError,
    Drift,
    bin_width_s,
    compare_rates,
    drift,
    ecdf,
    ecdfs,
    latency_points,
    load,
    load_sweep,
    measured,
    outcomes_over_time,
    rates_over_time,
    workers_over_time,
)
from tests.analyze.runs import MS, S, mixed_run, streamed, write_run


def test_counts_over_time_lose_nobody(tmp_path: Path) -> None:
    """Every scheduled, sent and answered request is in exactly one bin."""
    requests = measured(load(mixed_run(tmp_path / "run")))
    for width_s in (1.0, 7.0):
        rates, outcomes = rates_over_time(requests, width_s), outcomes_over_time(requests, width_s)
        assert rates["scheduled"].sum() * width_s == pytest.approx(480)
        assert rates["completed"].sum() * width_s == pytest.approx(requests["answered"].sum())
        assert outcomes.to_numpy().sum() * width_s == pytest.approx(480)
        assert rates["scheduled"].iloc[-1] == 0


def test_long_runs_get_wider_bins(tmp_path: Path) -> None:
    """A figure shows at most some hundred bins."""
    rows = [streamed(0, 0, [MS, 2 * MS], 2), streamed(1, 3600 * S, [MS, 2 * MS], 2)]
    assert bin_width_s(measured(load(write_run(tmp_path / "run", rows)))) == 7.0


def test_distributions_stop_short_of_those_without_end() -> None:
    """With one of four never ended the curve ends at three quarters."""
    curve = ecdf(np.array([3.0, 1.0, np.nan, 2.0]), larger=1)
    assert curve["value_s"].tolist() == [1.0, 2.0, 3.0]
    assert curve["share"].tolist() == [0.25, 0.5, 0.75]


def test_distributions_are_per_class_and_profile(tmp_path: Path) -> None:
    """Only what streams has a TTFT curve, in the scenario's order of classes."""
    requests = measured(load(mixed_run(tmp_path / "run")))
    assert set(ecdfs(requests, "ttft")) == {("chat", "l4"), ("chat", "a100-40gb")}
    assert [name for name, _ in ecdfs(requests, "e2e")][-1] == "score"


def test_points_are_answered_requests(tmp_path: Path) -> None:
    """A dot has a value and an instant."""
    requests = measured(load(mixed_run(tmp_path / "run")))
    points = latency_points(requests, "e2e")
    assert len(points) == requests["answered"].sum()
    assert points.notna().all().all()


def test_a_drift_is_seen_in_its_own_lane(tmp_path: Path) -> None:
    """One profile gets twice as slow; the other, and the mixture, do not hide it."""
    rows = []
    for i in range(120):
        at, slow = 10 * S + i * 400 * MS, i % 2 == 0 and i >= 60
        facts = {"profile": ("l4", "a100-40gb")[i % 2]}
        rows.append(streamed(i, at, [(200 if slow else 100) * MS, 300 * MS], 2, **facts))
    assert drift(measured(load(write_run(tmp_path / "run", rows))), "ttft") == Drift("chat", "l4", 0.1, 0.2)


def test_few_requests_have_no_drift(tmp_path: Path) -> None:
    """A median of a handful is no trend."""
    rows = [streamed(i, (10 + i) * S, [100 * MS, 200 * MS], 2) for i in range(30)]
    assert drift(measured(load(write_run(tmp_path / "run", rows))), "ttft") is None


def test_workers_come_from_the_health_lines(tmp_path: Path) -> None:
    """One column a profile, one row a line; a run without lines has neither."""
    folder = mixed_run(tmp_path / "run")
    with folder.health_file.open("a") as lines:
        lines.write('{"t_ns": 60000000000, "live": {}, "error": "no answer"}\n')
    workers = workers_over_time(load(folder))
    assert workers["a100-40gb"].tolist() == [0] * 6 + [1] * 54
    assert workers_over_time(load(write_run(tmp_path / "bare", []))).empty


def test_a_sweep_is_a_row_a_run(tmp_path: Path) -> None:
    """Rows come in the order of the rate; runs that are not there yet are left out."""
    for rate in (8, 2):
        mixed_run(tmp_path / f"rate-{rate}", rate_per_s=float(rate))
    runs = [{"rate_per_s": rate, "folder": f"rate-{rate}"} for rate in (8, 2, 16)]
    (tmp_path / "experiment.json").write_text(json.dumps({"kind": "rates", "runs": runs}))
    rows = compare_rates(load_sweep(tmp_path))
    assert [row.asked_rate_per_s for row in rows] == [2.0, 8.0]
    assert rows[1].offered_rate == pytest.approx(8.0)


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"kind": "rates"}', '{"kind": "ab", "runs": [{"folder": "x"}]}']
)
def test_a_broken_sweep_is_one_sentence(tmp_path: Path, text: str | None) -> None:
    """Missing, damaged, or another kind of experiment: said, not raised from the depths."""
    if text is not None:
        (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(AnalysisError, match=r"experiment\.json"):
        load_sweep(tmp_path)
