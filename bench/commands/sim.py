"""`bench sim`: the simulated gateway on its own."""

import os
import sys

import typer

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def sim(context: typer.Context) -> None:
    """Serve the simulated gateway until Ctrl-C; `bench sim --help` lists its options."""
    os.execv(sys.executable, [sys.executable, "-m", "bench.sim", *context.args])  # noqa: S606 - our own program
