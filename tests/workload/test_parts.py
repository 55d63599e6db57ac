"""A long schedule in parts."""

import pyarrow as pa
import pytest

from bench.workload import make_schedule
from bench.workload.schedule import PART
from tests.workload.scenarios import CHAT, ENCODE, scenario


@pytest.mark.parametrize("rate_per_s", [1, PART // 20 + 1])
def test_parts_of_a_schedule_are_the_schedule(rate_per_s: int) -> None:
    """One part or several: the same rows with the same indices, none twice."""
    arrivals = {"process": "constant", "rate_per_s": rate_per_s}
    schedule = make_schedule(scenario(classes=[CHAT, ENCODE], arrivals=arrivals, duration_s=20))
    parts = list(schedule.tables())
    assert len(parts) == (2 if len(schedule) > PART else 1)
    assert pa.concat_tables(parts).combine_chunks().equals(schedule.table().combine_chunks())
