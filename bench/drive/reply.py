"""What a task of a locustfile gets back.

ReplyError   what `raise_for_outcome` raises: the request did not end well
"""

from dataclasses import dataclass, field
from typing import Any

from bench.drive.flight import GOOD, Flight
from bench.drive.given import GENERATES, Given
from bench.protocol import Facts, text_of

NS_PER_MS = 1_000_000


class ReplyError(Exception):
    """A request that did not end well; `reply` has the facts."""

    def __init__(self, reply: "Reply") -> None:
        told = (reply.outcome, reply.reason, reply.status, reply.error_code, reply.error_message)
        super().__init__(" ".join(str(word) for word in told if word))
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The facts of one request, as the records have them; None: undefined, or not reported.

    Milliseconds count from the instant the task asked. `text` and `body` are there where they were asked for
    with `keep` and the request ended well: `text` of generations; `body` is the reply as an object, of a
    stream the list of its events.
    """

    outcome: str
    reason: str | None
    status: int | None
    error_code: str | None
    error_message: str | None
    finish_reason: str | None
    ttft_ms: float | None
    tpot_ms: float | None
    e2e_ms: float | None
    in_tokens: int | None
    out_tokens: int | None
    items_returned: int | None
    index: int
    conversation: int
    turn: int
    text: str | None = field(default=None, repr=False)
    body: Any = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether there is an answer, if with a blemish: `ok` or `degraded`."""
        return self.outcome in GOOD

    def raise_for_outcome(self) -> "Reply":
        """Itself, if there is an answer; ReplyError otherwise."""
        if not self.ok:
            raise ReplyError(self)
        return self


def reply_of(given: Given, flight: Flight, due_ns: int) -> Reply:
    """From what is known of a flight."""
    facts = flight.exchange.facts
    censored = facts.outcome in {"unfinished", "not_sent"}
    text, body = _kept(given, flight)
    return Reply(
        outcome=facts.outcome or "failed",
        reason=facts.reason,
        status=facts.status,
        error_code=facts.error_code,
        error_message=facts.error_message,
        finish_reason=facts.finish_reason,
        ttft_ms=_ms(due_ns, facts.first_token_ns),
        tpot_ms=_tpot_ms(facts),
        e2e_ms=None if censored else _ms(due_ns, facts.end_ns),
        in_tokens=facts.in_tokens,
        out_tokens=facts.out_tokens,
        items_returned=facts.items_returned,
        index=given.index,
        conversation=given.conversation,
        turn=given.turn,
        text=text,
        body=body,
    )


def _kept(given: Given, flight: Flight) -> tuple[str | None, Any]:
    kept, facts = flight.exchange.kept, flight.exchange.facts
    if kept is None or facts.outcome not in GOOD:
        return None, None
    trees = kept.trees()
    text = text_of(trees) if given.ask.operation in GENERATES else None
    return text, trees if kept.streams else trees[0]


def _ms(from_ns: int, to_ns: int | None) -> float | None:
    return None if to_ns is None else (to_ns - from_ns) / NS_PER_MS


def _tpot_ms(facts: Facts) -> float | None:
    first_ns, last_ns, tokens = facts.first_token_ns, facts.last_token_ns, facts.out_tokens
    if first_ns is None or last_ns is None or tokens is None or tokens < 2 or len(facts.event_ns) < 2:
        return None
    return (last_ns - first_ns) / (tokens - 1) / NS_PER_MS
