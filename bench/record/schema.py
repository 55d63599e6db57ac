"""The Record: one flat, immutable row of facts a scheduled request, and its columns on disk.

Instants are integers in nanoseconds from the run's start. `None` means "not reported", 0 means zero. Nothing
derived is stored.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

import pyarrow as pa


class Outcome(StrEnum):
    """What became of a request; every scheduled one has exactly one."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    TRUNCATED = "truncated"
    CANCELLED = "cancelled"
    UNFINISHED = "unfinished"
    NOT_SENT = "not_sent"


class Attempt(NamedTuple):
    """One try of a request that was tried more than once."""

    sent_ns: int
    end_ns: int
    status: int | None
    code: str | None
    retry_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What happened to one request. `docs/run-folder.md` explains each field."""

    index: int
    traffic_class: str
    operation: str
    stream: bool
    model: str
    pool: str | None = None
    profile: str | None = None
    user: int | None = None
    conversation: int | None = None
    turn: int | None = None
    worker: int = 0

    scheduled_ns: int
    first_sent_ns: int | None = None
    handed_ns: int | None = None
    sent_ns: int | None = None
    headers_ns: int | None = None
    first_token_ns: int | None = None
    first_visible_ns: int | None = None
    last_token_ns: int | None = None
    end_ns: int | None = None
    stamp_source: str = "read"
    read_lag_max_ns: int | None = None
    events: int = 0
    merged_events: int = 0

    outcome: str = Outcome.NOT_SENT
    reason: str | None = None
    status: int | None = None
    error_code: str | None = None
    finish_reason: str | None = None
    attempts: int = 0
    attempt_log: tuple[Attempt, ...] = ()

    asked_in_tokens: int | None = None
    asked_out_tokens: int | None = None
    in_tokens: int | None = None
    out_tokens: int | None = None
    tokens_source: str | None = None
    items_asked: int | None = None
    items_returned: int | None = None
    request_bytes: int = 0
    response_bytes: int = 0

    server_ttft_ms: float | None = None
    server_tpot_ms: float | None = None
    server_queue_ms: float | None = None
    server_inference_ms: float | None = None
    request_id: str | None = None
    attempt_id: str | None = None


FIELDS = tuple(field.name for field in fields(Record))

_WORD = pa.dictionary(pa.int32(), pa.string())
_ATTEMPT = pa.struct(
    [
        ("sent_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("status", pa.int16()),
        ("code", pa.string()),
        ("retry_after_s", pa.float32()),
    ]
)


def _required(name: str, kind: Any) -> pa.Field:
    return pa.field(name, kind, nullable=False)


REQUESTS = pa.schema(
    [
        _required("index", pa.int64()),
        _required("traffic_class", _WORD),
        _required("operation", _WORD),
        _required("stream", pa.bool_()),
        _required("model", _WORD),
        ("pool", _WORD),
        ("profile", _WORD),
        ("user", pa.int32()),
        ("conversation", pa.int32()),
        ("turn", pa.int16()),
        _required("worker", pa.int16()),
        _required("scheduled_ns", pa.int64()),
        ("first_sent_ns", pa.int64()),
        ("handed_ns", pa.int64()),
        ("sent_ns", pa.int64()),
        ("headers_ns", pa.int64()),
        ("first_token_ns", pa.int64()),
        ("first_visible_ns", pa.int64()),
        ("last_token_ns", pa.int64()),
        ("end_ns", pa.int64()),
        _required("stamp_source", _WORD),
        ("read_lag_max_ns", pa.int64()),
        _required("events", pa.int32()),
        _required("merged_events", pa.int32()),
        _required("outcome", _WORD),
        ("reason", _WORD),
        ("status", pa.int16()),
        ("error_code", _WORD),
        ("finish_reason", _WORD),
        _required("attempts", pa.int16()),
        _required("attempt_log", pa.list_(_ATTEMPT)),
        ("asked_in_tokens", pa.int32()),
        ("asked_out_tokens", pa.int32()),
        ("in_tokens", pa.int32()),
        ("out_tokens", pa.int32()),
        ("tokens_source", _WORD),
        ("items_asked", pa.int32()),
        ("items_returned", pa.int32()),
        _required("request_bytes", pa.int64()),
        _required("response_bytes", pa.int64()),
        ("server_ttft_ms", pa.float32()),
        ("server_tpot_ms", pa.float32()),
        ("server_queue_ms", pa.float32()),
        ("server_inference_ms", pa.float32()),
        ("request_id", pa.string()),
        ("attempt_id", pa.string()),
    ]
)

EVENTS = pa.schema(
    [
        _required("index", pa.int64()),
        _required("event_ns", pa.list_(pa.int64())),
        _required("event_chars", pa.list_(pa.int32())),
    ]
)

# What the schedule fixes of a row before the run starts; in a closed loop `scheduled_ns` is null there.
SCHEDULE = pa.schema(
    [
        *(
            REQUESTS.field(name)
            for name in (
                "index",
                "traffic_class",
                "operation",
                "stream",
                "model",
                "pool",
                "profile",
                "user",
                "turn",
            )
        ),
        ("scheduled_ns", pa.int64()),
        ("think_ns", pa.int64()),
        *(REQUESTS.field(name) for name in ("asked_in_tokens", "asked_out_tokens", "items_asked")),
    ]
)
