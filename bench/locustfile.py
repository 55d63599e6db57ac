"""For `locust -f bench/locustfile.py -u 5 -t 10s --host http://…`: closed-loop users on our engine.

The scenario is that of the environment variable BENCH_SCENARIO (its classes and think times), or the shipped
chat-closed-loop; users, run time and host are Locust's. Each start leaves a run folder in results/.

A locustfile of your own begins with `from bench.locustfile import PoolUser`: docs/locust.md.
"""

from locust import events

from bench.drive.reply import Reply, ReplyError
from bench.drive.shell import attach
from bench.drive.users import PoolUser

__all__ = ["PoolUser", "Reply", "ReplyError"]


class TurnUser(PoolUser):
    """Takes the turns of the scenario."""


events.init.add_listener(attach)  # type: ignore[no-untyped-call]
