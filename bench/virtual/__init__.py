"""The simulated gateway's model without its wire: a schedule in virtual time, and the run folder it leaves.

`simulate(make_schedule(scenario), setup_of(scenario.sim))` is the pure function; `write_run` leaves a folder.
"""

from bench.virtual.player import Kept, Log, Played, play, simulate
from bench.virtual.run import write_run
from bench.virtual.setup import Setup, VirtualError, setup_of
from bench.virtual.work import bundles_of

__all__ = [
    "Kept",
    "Log",
    "Played",
    "Setup",
    "VirtualError",
    "bundles_of",
    "play",
    "setup_of",
    "simulate",
    "write_run",
]
