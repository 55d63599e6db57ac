"""Locust's statistics on their way from worker to leader: taken from one environment, added to another.

They are put together as Locust's own workers and master do it, but travel on our link.
"""

from typing import Any

from locust.env import Environment
from locust.stats import StatsEntry, setup_distributed_stats_event_listeners

from bench.drive.bulletin import Bulletin


class Sums:
    """One end: what an environment and a bulletin count."""

    def __init__(self, environment: Environment, bulletin: Bulletin) -> None:
        self._environment, self._bulletin = environment, bulletin
        setup_distributed_stats_event_listeners(environment.events, environment.stats)

    def take(self) -> dict[str, Any]:
        """All that was counted since the last time."""
        sums: dict[str, Any] = {"ttft": self._bulletin.ttft.get_stripped_report()}
        self._environment.events.report_to_master.fire(client_id="", data=sums)  # type: ignore[no-untyped-call]
        return sums

    def add(self, sums: dict[str, Any]) -> None:
        """Count what another has taken."""
        ttft = self._bulletin.ttft
        ttft.extend(StatsEntry.unserialize(sums["ttft"], ttft.stats))
        self._environment.events.worker_report.fire(client_id="", data=sums)  # type: ignore[no-untyped-call]
