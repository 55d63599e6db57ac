"""Bytes <-> facts for each operation of the gateway; no I/O."""

from bench.protocol.errors import BY_CODE, Meaning, judge, judge_in_stream
from bench.protocol.exchange import Exchange
from bench.protocol.facts import Ask, Facts, Operation
from bench.protocol.health import (
    News,
    Spoken,
    dialect_of,
    holding,
    is_gateway,
    live_workers,
    names_workers,
    same_model,
    serving,
    standing,
)
from bench.protocol.kept import text_of
from bench.protocol.pools import LEASE_S, PoolState, pool_body, read_pool, refusal
from bench.protocol.requests import Endpoint, render, trace_of
from bench.protocol.sse import EventDecoder, StreamMalformedError
from bench.protocol.templates import fill, template_of
from bench.protocol.tokens import chars_per_token

__all__ = [
    "BY_CODE",
    "LEASE_S",
    "Ask",
    "Endpoint",
    "EventDecoder",
    "Exchange",
    "Facts",
    "Meaning",
    "News",
    "Operation",
    "PoolState",
    "Spoken",
    "StreamMalformedError",
    "chars_per_token",
    "dialect_of",
    "fill",
    "holding",
    "is_gateway",
    "judge",
    "judge_in_stream",
    "live_workers",
    "names_workers",
    "pool_body",
    "read_pool",
    "refusal",
    "render",
    "same_model",
    "serving",
    "standing",
    "template_of",
    "text_of",
    "trace_of",
]
