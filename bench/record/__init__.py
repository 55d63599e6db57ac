"""What happened, on disk: the Record, the append-only logs, the run folder."""

from bench.record.calibration import (
    Calibration,
    CalibrationError,
    Load,
    Machine,
    Step,
    TimingError,
    Who,
    cpu_model,
    keep_calibration,
    read_calibration,
    this_machine,
)
from bench.record.files import replace
from bench.record.fit import Fit, FittedKey, Prediction
from bench.record.folder import (
    Books,
    Clock,
    FolderError,
    RunFolder,
    RunInfo,
    Salvage,
    TargetSaid,
    create_folder,
)
from bench.record.hold import held
from bench.record.join import join
from bench.record.log import SHARED, Beat, Ended, LogReader, LogWriter, Sent, is_written
from bench.record.schema import EVENTS, FIELDS, REQUESTS, SCHEDULE, Attempt, Outcome, Record

__all__ = [
    "EVENTS",
    "FIELDS",
    "REQUESTS",
    "SCHEDULE",
    "SHARED",
    "Attempt",
    "Beat",
    "Books",
    "Calibration",
    "CalibrationError",
    "Clock",
    "Ended",
    "Fit",
    "FittedKey",
    "FolderError",
    "Load",
    "LogReader",
    "LogWriter",
    "Machine",
    "Outcome",
    "Prediction",
    "Record",
    "RunFolder",
    "RunInfo",
    "Salvage",
    "Sent",
    "Step",
    "TargetSaid",
    "TimingError",
    "Who",
    "cpu_model",
    "create_folder",
    "held",
    "is_written",
    "join",
    "keep_calibration",
    "read_calibration",
    "replace",
    "this_machine",
]
