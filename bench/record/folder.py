"""The run folder: where each file lies, and run.json, the facts of the run as a whole.

FolderError   the folder is missing, exists already, or is of a newer format
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.record.calibration import Calibration
from bench.record.files import replace

FORMAT_VERSION = 1
FORMAT_HISTORY = {"1": "2026-11-22: first"}

State = Literal["created", "running", "complete", "interrupted", "salvaged"]


class FolderError(Exception):
    """A run folder that cannot be used; the message says why and what to do."""


class Clock(BaseModel):
    """Two readings of the same instant, the run's start: every `_ns` counts from there."""

    monotonic_ns: int
    wall_ns: int
    boot_id: str


class TargetSaid(BaseModel):
    """Whom we measured, and what it said of itself. Credentials are named, never kept."""

    kind: str
    role: str | None = Field(None, description="gateway, or worker: a server without one; null: neither")
    url: str
    simulated: bool = False
    virtual: bool = Field(
        False, description="no sockets and no clock: the simulation's model in virtual time"
    )
    version: str | None = None
    dialect: str | None = Field(None, description="generation of the wire contract; null: not a gateway")
    dialect_source: str | None = Field(None, description="told, version or health")
    said: dict[str, Any] = Field(default_factory=dict, description="its own words, as far as it has any")
    live_workers: dict[str, int] = Field(default_factory=dict, description="per profile, before the start")
    serving: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="per model and profile, the workers that have it loaded"
    )
    pools: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="pools made for the run, with their workers per profile"
    )
    cold_for_s: float | None = Field(
        None,
        description="for how long before the start its lanes were seen to have no worker, or so few as a "
        "scale-out begins with; null: no look",
    )

    @property
    def unreal(self) -> str:
        """What was measured in place of a GPU, `simulated` or `simulated, virtual time`; else empty."""
        if self.virtual:
            return "simulated, virtual time"
        return "simulated" if self.simulated else ""


class Books(BaseModel):
    """Every scheduled request, by outcome; `scheduled` is their sum."""

    scheduled: int
    outcomes: dict[str, int]

    @property
    def balanced(self) -> bool:
        """Whether nothing was lost and nothing counted twice."""
        return self.scheduled == sum(self.outcomes.values())


class Salvage(BaseModel):
    """What a crash leaves in doubt."""

    torn_entries: int = Field(description="half-written last entries, dropped")
    last_beat_ns: int | None = Field(description="everything up to here reached the log")
    maybe_sent: int = Field(description="counted as not_sent, but due so late that they may have been sent")
    maybe_ended: int = Field(description="counted as unfinished, but may have ended after the last beat")


class RunInfo(BaseModel):
    """run.json."""

    model_config = ConfigDict(extra="forbid")

    format_version: int = FORMAT_VERSION
    format_history: dict[str, str] = Field(default_factory=lambda: dict(FORMAT_HISTORY))
    run_id: str = Field(description="32 hex digits, the trace id of every request")
    state: State = "created"
    created: str = Field(description="wall time, ISO 8601, UTC")
    labels: dict[str, str] = Field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    scenario: dict[str, Any] = Field(description="as effective: overrides and target applied")
    host: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict, description="commit of the working directory, if any")
    command: str = ""
    processes: int = Field(1, description="load workers: requests by index, users by number, modulo this")
    clock: Clock | None = None
    target: TargetSaid | None = None
    chars_per_token: dict[str, float] = Field(default_factory=dict, description="per traffic class")
    chars_per_token_source: dict[str, str] = Field(default_factory=dict)
    schedule: dict[str, Any] = Field(default_factory=dict, description="hash, size, what a trace lost")
    warnings: list[str] = Field(default_factory=list)
    calibration: Calibration | None = Field(None, description="what this host was proved to drive, if it was")
    generator: dict[str, Any] = Field(default_factory=dict, description="facts about ourselves")
    books: Books | None = None
    salvage: Salvage | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Names and files of one run; nothing is kept in memory."""

    path: Path

    @property
    def scenario_file(self) -> Path:
        """The scenario as it was asked."""
        return self.path / "scenario.yaml"

    @property
    def schedule_file(self) -> Path:
        """What was to be sent."""
        return self.path / "schedule.parquet"

    @property
    def requests_file(self) -> Path:
        """A row per scheduled request."""
        return self.path / "requests.parquet"

    @property
    def events_file(self) -> Path:
        """The stream events of each request that had any."""
        return self.path / "events.parquet"

    @property
    def health_file(self) -> Path:
        """What the gateway said of its workers, once a second."""
        return self.path / "health.jsonl"

    @property
    def summary_file(self) -> Path:
        """The numbers."""
        return self.path / "summary.json"

    @property
    def report_file(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def log_file(self, worker: int) -> Path:
        """The log of one worker."""
        return self.path / "log" / f"worker-{worker}.msgpack"

    def log_files(self) -> list[Path]:
        """The logs of all workers, in their order."""
        return sorted(self.path.glob("log/worker-*.msgpack"), key=worker_of)

    def info(self) -> RunInfo:
        """run.json, checked. Raises FolderError where it is missing, torn, or of a newer format."""
        file = self.path / "run.json"
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise FolderError(f"{self.path} is no run folder: it has no run.json") from None
        except ValueError:
            raise FolderError(f"{file} is not valid JSON") from None
        version = facts.get("format_version") if isinstance(facts, dict) else None
        if not isinstance(version, int) or version > FORMAT_VERSION:
            raise FolderError(f"{file} has format version {version}; this bench reads up to {FORMAT_VERSION}")
        try:
            return RunInfo.model_validate(facts)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise FolderError(f"{file} is no run.json of ours: {key}: {first['msg']}") from None

    def save(self, info: RunInfo) -> None:
        """Write run.json whole or not at all."""
        replace(self.path / "run.json", info.model_dump_json(indent=2) + "\n")

    def schedule(self, columns: list[str] | None = None) -> pa.Table:
        """What was to be sent, or some columns of it. Raises FolderError where it was never written."""
        if not self.schedule_file.exists():
            raise FolderError(f"{self.path} has no schedule.parquet: the run ended before it was made")
        return pq.read_table(self.schedule_file, columns=columns)

    def write_schedule(self, *parts: pa.Table) -> None:
        """Fix what is to be sent, whole or not at all."""
        self.write_long_schedule(iter(parts))

    def write_long_schedule(self, parts: Iterator[pa.Table]) -> None:
        """The same, a part at a time; there is at least one."""
        draft = self.path / ".schedule.parquet.draft"
        first = next(parts)
        with pq.ParquetWriter(draft, first.schema, compression="zstd") as file:
            for part in chain([first], parts):
                file.write_table(part)
        draft.replace(self.schedule_file)

    def health(self) -> Iterator[dict[str, Any]]:
        """The lines of health.jsonl; a torn last one is left out."""
        if not self.health_file.exists():
            return
        with self.health_file.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)


def create_folder(results: Path, name: str, now: datetime, exact: Path | None = None) -> RunFolder:
    """Make an empty run folder: `exact`, or `results/<instant>-<name>[-2]`.

    Raises FolderError if `exact` exists: a run never writes over another.
    """
    try:
        if exact is not None:
            exact.mkdir(parents=True)
            return RunFolder(exact)
        results.mkdir(parents=True, exist_ok=True)
        return RunFolder(_first_free(results, f"{now:%Y%m%dT%H%M%SZ}-{name}"))
    except FileExistsError:
        raise FolderError(f"{exact or results} exists; name a folder that does not") from None
    except OSError as error:
        raise FolderError(f"{exact or results} cannot be made: {error.strerror}") from None


def _first_free(results: Path, stem: str) -> Path:
    number = 1
    while True:
        path = results / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def worker_of(log_file: Path) -> int:
    """The number of the worker that wrote a log."""
    return int(log_file.stem.split("-")[1])
