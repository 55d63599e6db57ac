"""The processes that commands start: the simulated gateway, the drive that replays a scenario, and the fit.

ProcessError   one of them ended as it should not
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.scenario import Sim
from bench.virtual.fit.job import FitJob

START_LIMIT_S = 30.0

LOST = 70
"""The drive's code where one of several worker processes was lost; the folder is complete if it has books."""

Listener = Callable[[dict[str, Any]], None]
Enough = Callable[[dict[str, Any]], bool]
"""Whether the run may stop here; true once at most."""


class ProcessError(Exception):
    """What it said on stderr, in one line, and its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def simulated_gateway(sim: Sim) -> Iterator[str]:
    """Start the embedded gateway; yields its URL; it ends with the block, or with this process."""
    with serving(_sim_options(sim)) as url:
        yield url


@contextmanager
def serving(options: Sequence[str], core: int | None = None) -> Iterator[str]:
    """Start `bench sim` with these options, on one core if one is named; yields its URL."""
    words = [sys.executable, "-m", "bench.sim", *options, "--until-stdin-closes"]
    with tempfile.TemporaryFile("w+") as errors:
        process = _start(words, errors, core)
        try:
            yield _url(process, errors)
        finally:
            _end(process)


def _start(words: list[str], errors: Any, core: int | None = None) -> "subprocess.Popen[str]":
    """In a session of its own: Ctrl-C is for us to handle, and must not end the gateway under a drain."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    return process


def _sim_options(sim: Sim) -> list[str]:
    options = {
        "--dialect": sim.dialect,
        "--fleet": sim.fleet,
        "--cold-start-scale": str(sim.cold_start_scale),
        "--step-jitter": str(sim.step_jitter),
        "--spot-lifetime-s": str(sim.spot_lifetime_s),
        "--spot-notice-s": str(sim.spot_notice_s),
        "--seed": str(sim.seed),
        "--profile-file": sim.profile_file,
        "--fault-plan": sim.fault_plan,
    }
    switches = {"--autoscale": sim.autoscale, "--affinity": sim.affinity}
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    return [*given, *(name for name, on in switches.items() if on)]


def _url(process: "subprocess.Popen[str]", errors: Any) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        code = process.wait(START_LIMIT_S)
        raise ProcessError(f"the simulated gateway did not start: {_last_words(errors)}", code)
    return str(json.loads(line)["url"])


def _end(process: "subprocess.Popen[str]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def drive(
    folder: Path,
    listen: Listener,
    web_port: int | None = None,
    *,
    core: int | None = None,
    processes: int = 1,
    more: Sequence[str] = (),
    enough: Enough | None = None,
) -> int:
    """Replay the scenario in a run folder; returns 0, or 130 where Ctrl-C came, even if too late to end it.

    Each line of progress goes to `listen`. With `core` it keeps to that one; `more` are options of the drive.
    Ctrl-C goes on to the drive, as often as it comes; so does a first one, as soon as a line is `enough`.
    Raises ProcessError with the drive's exit code and last words.
    """
    words = [sys.executable, "-m", "bench.drive", str(folder), "--until-stdin-closes"]
    words += [] if web_port is None else ["--web-port", str(web_port)]
    words += [] if processes == 1 else ["--processes", str(processes)]
    words += more
    with tempfile.TemporaryFile("w+") as errors:
        process = _start(words, errors, core)

        def hear(facts: dict[str, Any]) -> None:
            listen(facts)
            if enough and enough(facts):
                process.send_signal(signal.SIGINT)

        with _passing_on_interrupts(process, hear) as interrupts:
            for line in process.stdout or ():
                hear(json.loads(line))
            code = process.wait()
        _end(process)
        if code in {130, -signal.SIGINT}:  # the latter: while Python was still importing
            return 130
        if interrupts and code in {0, LOST}:  # nothing was left to stop, but whoever pressed it wants an end
            return 130
        if code:
            raise ProcessError(_last_words(errors) or f"the drive ended with code {code}", code)
        return 0


def fitting(job: FitJob, listen: Listener) -> None:
    """Fit a profile; each line of what it says goes to `listen`. Raises ProcessError with its error."""
    with tempfile.TemporaryFile("w+") as errors:
        process = _start([sys.executable, "-m", "bench.virtual.fit"], errors)
        try:
            if process.stdin:
                process.stdin.write(job.model_dump_json() + "\n")
                process.stdin.flush()
            error = _heard(process, listen)
            code = process.wait()
        finally:
            process.kill()
            _end(process)
        if code:
            raise ProcessError(error or _last_words(errors) or f"the fit ended with code {code}", code)


def _heard(process: "subprocess.Popen[str]", listen: Listener) -> str:
    """Pass everything on; the error that it told, if any."""
    error = ""
    for line in process.stdout or ():
        facts = json.loads(line)
        error = facts.get("error", error)
        listen(facts)
    return error


@contextmanager
def finishing_first() -> Iterator[None]:
    """Put an interrupt off until the block is done, then exit with 130."""
    asked = False

    def remember(*_: object) -> None:
        nonlocal asked
        asked = True

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        sys.exit(130)


@contextmanager
def _passing_on_interrupts(process: "subprocess.Popen[str]", listen: Listener) -> Iterator[list[int]]:
    """Yields the interrupts so far."""
    came: list[int] = []

    def pass_on(number: int, _: object) -> None:
        came.append(number)
        listen({"interrupt": len(came)})
        process.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _last_words(errors: Any) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    return lines[-1] if lines else ""
