"""Bytes <-> facts for each operation of the gateway; no I/O."""

from bench.protocol.errors import BY_CODE, Meaning, judge, judge_in_stream
from bench.protocol.exchange import Exchange
from bench.protocol.facts import Ask, Facts
from bench.protocol.requests import Endpoint, render
from bench.protocol.sse import EventDecoder, StreamMalformedError
from bench.protocol.tokens import chars_per_token

__all__ = [
    "BY_CODE",
    "Ask",
    "Endpoint",
    "EventDecoder",
    "Exchange",
    "Facts",
    "Meaning",
    "StreamMalformedError",
    "chars_per_token",
    "judge",
    "judge_in_stream",
    "render",
]
