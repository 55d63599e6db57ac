"""Run folders for tests: records made by hand or drawn from seeds, written by the real log and joined."""

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.record import SCHEDULE, LogWriter, Outcome, Record, RunFolder, RunInfo, TargetSaid, join
from bench.scenario import Scenario

MS = 1_000_000
S = 1_000_000_000

CHAT = {
    "name": "chat",
    "operation": "chat",
    "model": "qwen3-4b",
    "profiles": ["l4", "a100-40gb"],
    "input_tokens": 256,
    "output_tokens": 64,
    "slo": {"ttft_ms": 500, "tpot_ms": 50},
}
GENERATE = {
    "name": "generate",
    "operation": "generate",
    "model": "qwen3-4b",
    "profiles": ["l4"],
    "input_tokens": 200,
    "output_tokens": 32,
    "stream": False,
}
ENCODE = {
    "name": "encode",
    "operation": "encode",
    "model": "bge-m3",
    "profiles": ["l4"],
    "input_tokens": 128,
    "batch_size": 8,
    "slo": {"e2e_ms": 300},
}
SCORE = {"name": "score", "operation": "score", "model": "bge-reranker", "input_tokens": 100}

Streamed = tuple[Record, Sequence[int], Sequence[int]]
"""A record, the instants (ns) of its stream events and their characters."""


def scenario(classes: Iterable[Mapping[str, Any]] = (CHAT,), **changes: Any) -> Scenario:
    """A minute at 8 requests a second with ten seconds of warm-up."""
    facts = {
        "name": "made",
        "duration_s": 60.0,
        "warmup_s": 10.0,
        "arrivals": {"process": "constant", "rate_per_s": 8.0},
        "sim": {"dialect": "0.10"},
        "classes": list(classes),
    }
    return Scenario.model_validate_json(json.dumps(facts | changes))


def record(index: int, scheduled_ns: int, **facts: Any) -> Record:
    """An answered chat of 256 tokens in and 64 out, unless told otherwise."""
    sent_ns = None if facts.get("outcome") == Outcome.NOT_SENT else scheduled_ns + MS // 10
    base: dict[str, Any] = {
        "traffic_class": "chat",
        "operation": "chat",
        "stream": True,
        "model": "qwen3-4b",
        "profile": "l4",
        "first_sent_ns": sent_ns,
        "handed_ns": sent_ns,
        "sent_ns": sent_ns,
        "stamp_source": "kernel",
        "read_lag_max_ns": 20_000,
        "outcome": Outcome.OK,
        "attempts": 1,
        "asked_in_tokens": 256,
        "asked_out_tokens": 64,
    }
    return Record(index=index, scheduled_ns=scheduled_ns, **(base | facts))


def streamed(
    index: int, scheduled_ns: int, event_ns: Sequence[int], out_tokens: int | None, **facts: Any
) -> Streamed:
    """A chat whose token events arrive at these instants after the scheduled one."""
    instants = [scheduled_ns + offset for offset in event_ns]
    stream = {
        "first_token_ns": instants[0],
        "first_visible_ns": instants[0],
        "last_token_ns": instants[-1],
        "end_ns": instants[-1] + MS,
        "events": len(instants),
        "out_tokens": out_tokens,
        "tokens_source": None if out_tokens is None else "usage",
        "in_tokens": 250,
        "status": 200,
        "finish_reason": "stop",
    }
    return record(index, scheduled_ns, **(stream | facts)), instants, [4] * len(instants)


def lost(index: int, scheduled_ns: int, outcome: Outcome, **facts: Any) -> Streamed:
    """A chat that ended badly and without a token, a second after its scheduled instant."""
    end_ns = None if outcome in {Outcome.NOT_SENT, Outcome.UNFINISHED} else scheduled_ns + S
    return record(index, scheduled_ns, outcome=outcome, end_ns=end_ns, **facts), [], []


def write_run(
    path: Path,
    rows: Sequence[Streamed],
    plan: Scenario | None = None,
    health: Iterable[Mapping[str, Any]] = (),
    logs: int = 1,
    **info: Any,
) -> RunFolder:
    """A complete run folder from these rows. Unfinished and unsent ones are left to `join`, as in life.

    The rows are dealt to so many `logs`, in the order in which they are given.
    """
    plan = plan or scenario()
    path.mkdir(parents=True)
    folder = RunFolder(path)
    folder.write_schedule(_schedule(sorted((row for row, _, _ in rows), key=lambda row: row.index)))
    writers = [LogWriter(folder.log_file(worker)) for worker in range(logs)]
    for number, (row, event_ns, event_chars) in enumerate(rows):
        log = writers[number % logs]
        if row.handed_ns is not None:
            log.sent(row.index, row.scheduled_ns, row.handed_ns)
        if row.outcome not in {Outcome.NOT_SENT, Outcome.UNFINISHED}:
            log.ended(row, array("q", event_ns), array("i", event_chars))
    for log in writers:
        log.close(max((row.end_ns or 0 for row, _, _ in rows), default=0))
    folder.health_file.write_text("".join(json.dumps(line) + "\n" for line in health), encoding="utf-8")
    books, _ = join(folder)
    base: dict[str, Any] = {
        "run_id": "0" * 32,
        "state": "complete",
        "created": "2026-11-22T13:15:00Z",
        "scenario": plan.model_dump(mode="json"),
        "books": books,
        "target": _sim_target(),
    }
    folder.save(RunInfo(**(base | info)))
    return folder


def _sim_target() -> TargetSaid:
    said = {"simulated": {"cold_start_scale": 0.05, "seed": 1, "fleet": "l4=2,a100-40gb=1"}}
    return TargetSaid(kind="sie", url="http://127.0.0.1:1", simulated=True, version="0.4.1", said=said)


def _schedule(records: Sequence[Record]) -> pa.Table:
    names = [name for name in SCHEDULE.names if name != "think_ns"]
    columns = {name: [getattr(row, name) for row in records] for name in names}
    return pa.table(columns | {"think_ns": [None] * len(records)}, schema=SCHEDULE)


# --- a run that looks like one ------------------------------------------------------------------------------


def mixed(seed: int = 1, rate_per_s: float = 8.0, duration_s: float = 60.0) -> list[Streamed]:
    """Chat, generate, encode and score on two profiles; a cold start, and some of every trouble."""
    random = np.random.default_rng(seed)
    n = int(rate_per_s * duration_s)
    kinds = random.choice(["chat", "generate", "encode", "score"], n, p=[0.5, 0.15, 0.25, 0.1])
    return [_draw(random, i, round(i / rate_per_s * S), str(kind)) for i, kind in enumerate(kinds)]


def _draw(random: np.random.Generator, index: int, at_ns: int, kind: str) -> Streamed:
    profile = str(random.choice(["l4", "a100-40gb"])) if kind == "chat" else "l4"
    lag_ns = int(random.exponential(100_000))
    sent = dict.fromkeys(("first_sent_ns", "handed_ns", "sent_ns"), at_ns + lag_ns)
    if profile == "a100-40gb" and at_ns < 6 * S:
        facts = {"status": 202, "error_code": "PROVISIONING", "reason": "provisioning", "profile": profile}
        return record(index, at_ns, outcome=Outcome.REFUSED, end_ns=at_ns + 3 * MS, **facts), [], []
    trouble = random.random()
    if trouble < 0.01:
        return lost(index, at_ns, Outcome.TIMED_OUT, reason="token_timeout", profile=profile, **_kind(kind))
    if trouble < 0.02:
        facts = {"reason": "overloaded", "status": 503, "error_code": "RESOURCE_EXHAUSTED"}
        return lost(index, at_ns, Outcome.FAILED, profile=profile, **_kind(kind), **facts)
    if kind == "chat":
        return _chat(random, index, at_ns, profile, sent)
    work_ns = int(random.lognormal(np.log(0.9 if kind == "generate" else 0.08), 0.4) * S)
    end = {"end_ns": at_ns + work_ns, "profile": profile, "status": 200}
    return record(index, at_ns, **(_kind(kind, random) | end | sent)), [], []


def _kind(kind: str, random: np.random.Generator | None = None) -> dict[str, Any]:
    """What is fixed by the kind of request and, with a generator, what its reply holds."""
    facts: dict[str, Any] = {"traffic_class": kind, "operation": kind}
    if kind == "chat":
        return facts
    facts |= {"stream": False}
    replies: dict[str, Any] = {}
    if kind == "generate":
        replies = {"out_tokens": 32, "in_tokens": 200, "tokens_source": "usage", "finish_reason": "length"}
        facts |= {"asked_in_tokens": 200, "asked_out_tokens": 32}
    else:
        items = 8 if kind == "encode" else 10
        facts |= {"model": "bge-m3", "items_asked": items, "asked_in_tokens": 128 * items}
        facts |= {"asked_out_tokens": None}
        replies = {"items_returned": items, "in_tokens": 131 * items, "tokens_source": "usage"}
    return facts | (replies if random is not None else {})


def _chat(
    random: np.random.Generator, index: int, at_ns: int, profile: str, sent: dict[str, int]
) -> Streamed:
    slow = 1.0 if profile == "a100-40gb" else 2.2
    tokens = int(random.integers(8, 64))
    first_ns = int(random.lognormal(np.log(0.09 * slow), 0.5) * S)
    gaps_ns = (random.lognormal(np.log(0.012 * slow), 0.2, tokens - 1) * S).astype(np.int64)
    event_ns = [first_ns, *(first_ns + np.cumsum(gaps_ns)).tolist()]
    return streamed(index, at_ns, event_ns, tokens, profile=profile, **sent)


MIXED = (CHAT, GENERATE, ENCODE, SCORE)


def mixed_run(path: Path, seed: int = 1, rate_per_s: float = 8.0, **info: Any) -> RunFolder:
    """A minute of `mixed` traffic in a run folder, with a worker that joins after six seconds."""
    health = [{"t_ns": t * S, "live": {"l4": 2, "a100-40gb": int(t >= 6)}} for t in range(60)]
    arrivals = {"process": "constant", "rate_per_s": rate_per_s}
    plan = scenario(MIXED, name="mixed", description="Four operations on two profiles.", arrivals=arrivals)
    return write_run(path, mixed(seed, rate_per_s), plan, health, **info)
