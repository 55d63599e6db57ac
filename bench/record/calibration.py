"""What `bench calibrate` found out about a machine, kept per host. `docs/calibration.md` explains each key.

CalibrationError   a file that cannot be read or written; the message says what to type
"""

import os
import platform
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench import __version__
from bench.record.files import replace

FORMAT_VERSION: Literal[1] = 1

Who = Literal["generator", "server", "both"]


class CalibrationError(Exception):
    """A calibration that cannot be read or kept."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Facts):
    """What a calibration holds for: measured on another of these, it says nothing."""

    node: str
    cpu: str | None
    kernel: str
    python: str
    poolbench: str


class Load(_Facts):
    """How much at once: replies that stream, their events a second, and requests of any kind a second."""

    streams: int
    events_per_s: float
    requests_per_s: float

    def covers(self, other: "Load") -> bool:
        """Whether the other is no more than this in all three."""
        return (
            other.streams <= self.streams
            and other.events_per_s <= self.events_per_s
            and other.requests_per_s <= self.requests_per_s
        )


class TimingError(_Facts):
    """Quantiles of |measured - true| in ms, over n values; null where there were none."""

    n: int
    p50_ms: float | None
    p99_ms: float | None


class Step(_Facts):
    """One load, and how well it was measured."""

    asked_streams: int
    asked_small_requests_per_s: float
    held: Load
    ttft: TimingError
    gap: TimingError
    tpot: TimingError
    e2e: TimingError
    send_lag_p99_ms: float | None
    merged_share: float | None
    engine_core_share: float | None
    engine_us_per_event: float | None
    engine_us_per_small_request: float | None
    server_late_p50_ms: float | None
    server_late_p99_ms: float | None
    foreign_share: float
    gave_out: Who | None
    reasons: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every limit was kept."""
        return self.gave_out is None

    @property
    def asked(self) -> tuple[int, float]:
        """What tells one load from another."""
        return self.asked_streams, self.asked_small_requests_per_s


class Calibration(_Facts):
    """All steps, in the order in which they were made; of a load that was tried twice the last one counts."""

    format_version: Literal[1] = FORMAT_VERSION
    made: str
    machine: Machine
    cores: int
    pinned: bool
    quick: bool
    ended_early: bool
    limit_ms: float
    steps: tuple[Step, ...]

    def proved(self) -> list[Step]:
        """The steps whose load was measured well, smallest number of streams first."""
        return [step for step in self._last_tries() if step.holds]

    def largest(self) -> list[Step]:
        """Of those, the most streams alone and the most small requests beside streams, if any."""
        alone = [step for step in self.proved() if not step.asked_small_requests_per_s]
        beside = [step for step in self.proved() if step.asked_small_requests_per_s]
        return [*alone[-1:], *sorted(beside, key=lambda step: step.asked_small_requests_per_s)[-1:]]

    def gave_out(self) -> Who | None:
        """Who gave out at the smallest load that was too much; None where none was."""
        return next((step.gave_out for step in self._last_tries() if not step.holds), None)

    def _last_tries(self) -> list[Step]:
        last = {step.asked: step for step in self.steps}
        return [last[asked] for asked in sorted(last)]


def this_machine() -> Machine:
    """The machine, kernel, Python and poolbench that run this."""
    return Machine(
        node=platform.node(),
        cpu=cpu_model(),
        kernel=platform.release(),
        python=platform.python_version(),
        poolbench=__version__,
    )


def cpu_model() -> str | None:
    """The processor's name, where Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def calibration_file(node: str) -> Path:
    """Where the calibration of a host lies: `$XDG_DATA_HOME/poolbench/calibration/<node>.json`."""
    home = os.environ.get("XDG_DATA_HOME", "")
    data = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "share"
    return data / "poolbench" / "calibration" / f"{node.replace('/', '_') or 'localhost'}.json"


def read_calibration(node: str) -> Calibration | None:
    """What was kept for a host; None where nothing was. Raises CalibrationError for a damaged file."""
    file = calibration_file(node)
    try:
        return Calibration.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CalibrationError(f"{file} cannot be read: {error.strerror}") from None
    except (ValidationError, UnicodeDecodeError):
        raise CalibrationError(f"{file} is no calibration of ours: renew it with `bench calibrate`") from None


def keep_calibration(calibration: Calibration) -> Path:
    """Write it whole or not at all; returns the file. Raises CalibrationError."""
    file = calibration_file(calibration.machine.node)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, calibration.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise CalibrationError(f"{file} cannot be written: {error.strerror}") from None
    return file
