"""What a request hears instead of a result, by dialect, and what a client makes of it.

The simulated gateway says it in bytes and `protocol` reads them; here is where both lead. That they do is
tested over real sockets.
"""

from collections.abc import Mapping
from typing import NamedTuple

from bench.sim.model import FIRST_CHUNK, INTER_CHUNK, OVERALL, Verdict


class Answer(NamedTuple):
    """Outcome and reason in the words of the run folder, status and code as on the wire."""

    outcome: str
    reason: str | None
    status: int | None
    code: str | None
    retry_after_s: float | None = None


class Route(NamedTuple):
    """What the words depend on."""

    generates: bool
    stream: bool


CONTEXT_EXCEEDED = "context_exceeded"
TOO_MANY_TOKENS = "invalid_request"

_LATE_REASONS = {
    FIRST_CHUNK: "first_byte_timeout",
    INTER_CHUNK: "token_timeout",
    OVERALL: "overall_timeout",
}
_LATE_STATUS = {FIRST_CHUNK: 504, INTER_CHUNK: 502, OVERALL: 504}


def refusal(dialect: str, verdict: Verdict, route: Route) -> Answer:
    """Why a job was not taken. KeyError for verdicts that only loading and faults lead to."""
    later = dialect == "0.10"
    queue = "transport_failure" if route.generates else "QUEUE_UNAVAILABLE"
    answers: Mapping[Verdict, Answer] = {
        Verdict.COLD: Answer("refused", "provisioning", 503, "PROVISIONING", 60)
        if later
        else Answer("refused", "provisioning", 202, None, 120),
        Verdict.NO_CONSUMERS: Answer("refused", "overloaded", 503, queue, 60 if later else 120),
        Verdict.FULL: Answer("refused", "overloaded", 503, "QUEUE_UNAVAILABLE" if later else queue, 5),
        Verdict.NO_ROOM: Answer(
            "refused", "overloaded", 429, "RATE_LIMIT_EXCEEDED" if later else "rate_limit_exceeded", 1
        ),
    }
    return answers[verdict]


def late(dialect: str, limit: str, route: Route) -> Answer:
    """The gateway waited in vain for the worker."""
    if route.stream:
        return Answer("timed_out", _LATE_REASONS[limit], 200, limit)
    if dialect == "0.10":
        status = _LATE_STATUS[limit] if route.generates else 504
        return Answer("timed_out", "overall_timeout", status, "GATEWAY_TIMEOUT", 5)
    if route.generates:
        return Answer("timed_out", _LATE_REASONS[limit], _LATE_STATUS[limit], limit)
    return Answer("refused", "loading", 503, "MODEL_LOADING", 5)


def lost(dialect: str, route: Route, *, begun: bool) -> Answer:
    """The worker went before it was done; `begun`: text had left."""
    if route.stream:
        return (
            Answer("truncated", "no_done", 200, None)
            if begun
            else Answer("failed", "stream_error", 200, "transport_failure")
        )
    if dialect == "0.10" or not route.generates:
        return Answer("timed_out", "overall_timeout", 504, "GATEWAY_TIMEOUT", 5)
    return Answer("failed", None, 504, "transport_failure")


def faulty(code: str, route: Route) -> Answer:
    """The request asks for more than the model can; only a stream learns of its context inside a 200."""
    in_stream = route.stream and code == CONTEXT_EXCEEDED
    return Answer("failed", "permanent", 200 if in_stream else 400, code)


def impatient(reason: str, route: Route) -> Answer:
    """The client gave up."""
    return Answer("timed_out", reason, _begun(route), None)


def unfinished(route: Route) -> Answer:
    """The run was over before it."""
    return Answer("unfinished", None, _begun(route), None)


def _begun(route: Route) -> int | None:
    """The status before the end: a stream has its own from the start."""
    return 200 if route.stream else None
