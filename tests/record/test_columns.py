from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.record import FIELDS, Outcome, join
from tests.record.records import ended, open_schedule, run_folder

# Written out from names.md: changing one costs users their scripts.
WORD = "dictionary<values=string, indices=int32, ordered=0>"
ATTEMPT = "struct<sent_ns: int64, end_ns: int64, status: int16, code: string, retry_after_s: float>"
COLUMNS = f"""
index int64
traffic_class {WORD}
operation {WORD}
stream bool
model {WORD}
pool {WORD}?
profile {WORD}?
user int32?
conversation int32?
turn int16?
worker int16
scheduled_ns int64
first_sent_ns int64?
handed_ns int64?
sent_ns int64?
headers_ns int64?
first_token_ns int64?
first_visible_ns int64?
last_token_ns int64?
end_ns int64?
stamp_source {WORD}
read_lag_max_ns int64?
events int32
merged_events int32
outcome {WORD}
reason {WORD}?
status int16?
error_code {WORD}?
finish_reason {WORD}?
attempts int16
attempt_log list<element: {ATTEMPT}>
asked_in_tokens int32?
asked_out_tokens int32?
in_tokens int32?
out_tokens int32?
tokens_source {WORD}?
items_asked int32?
items_returned int32?
request_bytes int64
response_bytes int64
server_ttft_ms float?
server_tpot_ms float?
server_queue_ms float?
server_inference_ms float?
request_id string?
attempt_id string?
"""
OUTCOMES = "ok degraded failed refused timed_out truncated cancelled unfinished not_sent"


def _said(schema: pa.Schema) -> list[str]:
    return [f"{field.name} {field.type}{'?' if field.nullable else ''}" for field in schema]


def test_requests_parquet_has_exactly_the_agreed_columns(tmp_path: Path) -> None:
    """Names, order, types, and which may be null; read back from a real file."""
    folder = run_folder(tmp_path / "run", open_schedule(2), [ended(0, events=2)])
    join(folder)
    assert _said(pq.read_schema(folder.requests_file)) == COLUMNS.strip().splitlines()
    assert pq.ParquetFile(folder.requests_file).metadata.row_group(0).column(0).compression == "ZSTD"
    assert list(FIELDS) == [line.split()[0] for line in COLUMNS.strip().splitlines()]


def test_events_parquet_has_exactly_the_agreed_columns(tmp_path: Path) -> None:
    """One row for each request that had events."""
    folder = run_folder(tmp_path / "run", open_schedule(2), [ended(0, events=2), ended(1)])
    join(folder)
    assert _said(pq.read_schema(folder.events_file)) == [
        "index int64",
        "event_ns list<element: int64>",
        "event_chars list<element: int32>",
    ]
    assert pq.read_table(folder.events_file).to_pylist() == [
        {"index": 0, "event_ns": [0, 1], "event_chars": [3, 3]}
    ]


def test_the_outcomes_are_the_agreed_nine() -> None:
    """In the order in which the books name them."""
    assert " ".join(Outcome) == OUTCOMES
