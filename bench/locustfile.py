"""For `locust -f bench/locustfile.py -u 5 -t 10s --host http://…`: closed-loop users on our engine.

The scenario is that of the environment variable BENCH_SCENARIO (its classes and think times), or the shipped
chat-closed-loop; users, run time and host are Locust's. Each start leaves a run folder in results/.
"""

from typing import Any

from locust import events
from locust.env import Environment

from bench.drive.shell import Shell
from bench.drive.users import PoolUser

__all__ = ["PoolUser"]


def _attach(environment: Environment, **_: Any) -> None:
    Shell(environment)


events.init.add_listener(_attach)  # type: ignore[no-untyped-call]
