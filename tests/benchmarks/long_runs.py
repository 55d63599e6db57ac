"""Run folders of millions of requests, drawn from seeds and written a row group at a time."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.record import EVENTS, REQUESTS, SCHEDULE, RunFolder, RunInfo
from tests.analyze.runs import CHAT, ENCODE, MS, S, scenario

GROUP = 50_000
"""As `bench.record.join` leaves them."""
RATE_PER_S = 5000
TOKENS = 32


def write_long_run(path: Path, requests: int, events: bool = False) -> RunFolder:
    """`requests` of chat on two profiles and encode, 5,000 a second, one in a thousand failed.

    With `events` each chat has 32 of them, one a token.
    """
    path.mkdir(parents=True)
    folder = RunFolder(path)
    chat, encode = {**CHAT, "weight": 3}, {**ENCODE, "weight": 1}
    duration_s = requests / RATE_PER_S
    arrivals = {"process": "constant", "rate_per_s": RATE_PER_S}
    plan = scenario((chat, encode), duration_s=duration_s, warmup_s=duration_s / 10, arrivals=arrivals)
    with ExitStack() as files:
        rows, schedule, streams = (
            files.enter_context(pq.ParquetWriter(file, kind, compression="zstd"))
            for file, kind in (
                (folder.requests_file, REQUESTS),
                (folder.schedule_file, SCHEDULE),
                (folder.events_file, EVENTS),
            )
        )
        for part in _parts(requests):
            rows.write_table(part)
            schedule.write_table(_due(part))
            if events:
                streams.write_table(_events(part))
    folder.health_file.write_text("", encoding="utf-8")
    folder.save(
        RunInfo(
            run_id="0" * 32,
            state="complete",
            created="2026-11-22T13:15:00Z",
            scenario=plan.model_dump(mode="json"),
        )
    )
    return folder


def _parts(requests: int) -> Iterator[pa.Table]:
    random = np.random.default_rng(1)
    for start in range(0, requests, GROUP):
        yield _part(random, np.arange(start, min(start + GROUP, requests)))


def _part(random: np.random.Generator, index: np.ndarray[Any, Any]) -> pa.Table:
    n = index.size
    due_ns = index * (S // RATE_PER_S)
    chat, failed = random.random(n) < 0.75, random.random(n) < 0.001
    l4 = ~chat | (random.random(n) < 0.5)
    handed_ns = due_ns + random.exponential(100_000, n).astype(np.int64)
    first_ns = handed_ns + (random.lognormal(-2.5, 0.4, n) * S).astype(np.int64)
    last_ns = first_ns + TOKENS * 12 * MS
    end_ns = np.where(chat, last_ns + MS, first_ns)
    answered, streamed = ~failed, chat & ~failed

    def word(yes: np.ndarray[Any, Any], one: str, other: str | None) -> pa.Array:
        codes = pa.array(np.where(yes, 0, 1), pa.int32(), mask=None if other is not None else ~yes)
        return pa.DictionaryArray.from_arrays(codes, pa.array([one] if other is None else [one, other]))

    def known(values: Any, there: np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
        return pa.array(np.broadcast_to(values, n), kind, mask=~there)

    everywhere = np.ones(n, dtype=bool)
    columns: dict[str, Any] = {
        "index": index,
        "traffic_class": word(chat, "chat", "encode"),
        "operation": word(chat, "chat", "encode"),
        "stream": chat,
        "model": word(chat, "qwen3-4b", "bge-m3"),
        "profile": word(l4, "l4", "a100-40gb"),
        "worker": np.zeros(n, np.int16),
        "scheduled_ns": due_ns,
        **dict.fromkeys(("first_sent_ns", "handed_ns", "sent_ns"), handed_ns),
        "headers_ns": known(first_ns - MS, answered, pa.int64()),
        "first_token_ns": known(first_ns, streamed, pa.int64()),
        "first_visible_ns": known(first_ns, streamed, pa.int64()),
        "last_token_ns": known(last_ns, streamed, pa.int64()),
        "end_ns": end_ns,
        "stamp_source": word(everywhere, "kernel", "read"),
        "read_lag_max_ns": random.integers(1_000, 90_000, n),
        "events": np.where(streamed, TOKENS, 0).astype(np.int32),
        "merged_events": np.zeros(n, np.int32),
        "outcome": word(answered, "ok", "failed"),
        "reason": word(failed, "overloaded", None),
        "status": np.where(failed, 503, 200).astype(np.int16),
        "finish_reason": word(streamed, "length", None),
        "attempts": np.ones(n, np.int16),
        "attempt_log": pa.array([[]] * n, REQUESTS.field("attempt_log").type),
        "asked_in_tokens": np.full(n, 256, np.int32),
        "asked_out_tokens": known(TOKENS, chat, pa.int32()),
        "in_tokens": known(250, answered, pa.int32()),
        "out_tokens": known(TOKENS, streamed, pa.int32()),
        "tokens_source": word(answered, "usage", None),
        "items_asked": known(8, ~chat, pa.int32()),
        "items_returned": known(8, ~chat & answered, pa.int32()),
        "request_bytes": random.integers(900, 1200, n),
        "response_bytes": random.integers(4000, 9000, n),
        "request_id": pa.array(np.char.add("r-", index.astype(str))),
    }
    return pa.table([_column(field, columns.get(field.name), n) for field in REQUESTS], schema=REQUESTS)


def _column(field: pa.Field, values: Any, n: int) -> pa.Array:
    if values is None:
        return pa.nulls(n, field.type)
    return (values if isinstance(values, pa.Array) else pa.array(values)).cast(field.type)


def _due(part: pa.Table) -> pa.Table:
    columns = [part[f.name] if f.name != "think_ns" else pa.nulls(len(part), f.type) for f in SCHEDULE]
    return pa.table(columns, schema=SCHEDULE)


def _events(part: pa.Table) -> pa.Table:
    """A row for each answered chat: its tokens, 12 ms apart."""
    chats = part.filter(pc.greater(part["events"], 0)).select(["index", "first_token_ns"])
    first_ns = chats["first_token_ns"].to_numpy()
    instants = (first_ns[:, None] + np.arange(TOKENS) * 12 * MS).ravel()
    offsets = pa.array(np.arange(len(chats) + 1, dtype=np.int32) * TOKENS)
    chars = pa.array(np.full(instants.size, 4, np.int32))
    lists = [pa.ListArray.from_arrays(offsets, values) for values in (pa.array(instants), chars)]
    return pa.table([chats["index"], *lists], schema=EVENTS)
