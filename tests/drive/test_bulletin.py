"""What Locust's page and CSV show."""

from tests.drive.runs import told_by


def test_locust_s_statistics_are_the_same_told_by_the_batch_or_one_by_one() -> None:
    """Counts, failures by cause, latencies and bytes, per class and in all."""
    batch, single = told_by("tell_locust")
    assert batch == single
    assert batch["entries"][0][2:4] == [24, 15]
    assert sum(times for *_, times in batch["errors"]) == 15
