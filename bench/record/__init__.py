"""What happened, on disk: the Record, the append-only logs, the run folder."""

from bench.record.folder import (
    Books,
    Clock,
    FolderError,
    RunFolder,
    RunInfo,
    Salvage,
    TargetSaid,
    create_folder,
    replace,
)
from bench.record.join import join
from bench.record.log import Beat, Ended, LogReader, LogWriter, Sent, is_written
from bench.record.schema import EVENTS, FIELDS, REQUESTS, SCHEDULE, Attempt, Outcome, Record

__all__ = [
    "EVENTS",
    "FIELDS",
    "REQUESTS",
    "SCHEDULE",
    "Attempt",
    "Beat",
    "Books",
    "Clock",
    "Ended",
    "FolderError",
    "LogReader",
    "LogWriter",
    "Outcome",
    "Record",
    "RunFolder",
    "RunInfo",
    "Salvage",
    "Sent",
    "TargetSaid",
    "create_folder",
    "is_written",
    "join",
    "replace",
]
