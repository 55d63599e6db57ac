"""What is asked, and what is known of the answer: the two values that the protocol room trades in."""

from array import array
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

Operation = Literal["chat", "completion", "generate", "encode", "score", "extract", "embed", "rerank"]
Kind = Literal["sie", "openai"]
Wire = Literal["msgpack", "json"]

GENERATION = frozenset({"chat", "completion", "generate"})
RANKING = frozenset({"score", "rerank"})


# Structs are made five times as fast as dataclasses are, and these by the ten thousand a second.
class Ask(Struct, kw_only=True, gc=False):
    """One request in the target's terms.

    `texts`: the prompt; or the items; or the query and then the documents. `params` are the operation's own
    fields, put where its route reads them; `extra` is added to the body as it is. With `chars_per_token`
    tokens that nobody reported are estimated from characters, without it they stay unknown.
    """

    operation: Operation
    model: str
    texts: tuple[str, ...]
    stream: bool = False
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    stream_usage: bool = True
    wire: Wire = "msgpack"
    pool: str | None = None
    profile: str | None = None
    chars_per_token: float | None = None
    keep: bool = False
    """Whether somebody wants to read the reply."""

    @property
    def results(self) -> int:
        """How many results there can be: an item's vector, a document's score."""
        return len(self.texts) - (self.operation in RANKING)

    @property
    def items(self) -> int:
        """How many of them are due: of a ranking that is cut, the best."""
        results = self.results
        return min(results, self.params.get("top_n") or results) if self.operation == "rerank" else results

    @property
    def choices(self) -> int:
        """How many answers a generation owes."""
        return int(self.params.get("n") or 1)

    @property
    def owes_usage(self) -> bool:
        """Whether the gateway must tell how many tokens there were."""
        return self.operation == "generate" or (
            self.operation in GENERATION and (self.stream_usage or not self.stream)
        )


NO_EVENTS: Any = ()
"""What those have in place of an array who are no stream."""


# Packed as an array, in this order, it is what a log says of a reply.
class Facts(Struct, array_like=True, gc=False):
    """What the bytes of one reply said, and when; instants are those of the clock of the caller, in ns.

    `None`: not said. `outcome` and `reason` use the words of the run folder.
    """

    outcome: str | None = None
    reason: str | None = None
    status: int | None = None
    error_code: str | None = None
    finish_reason: str | None = None

    headers_ns: int | None = None
    first_token_ns: int | None = None
    first_visible_ns: int | None = None
    last_token_ns: int | None = None
    end_ns: int | None = None
    merged_events: int = 0

    in_tokens: int | None = None
    out_tokens: int | None = None
    tokens_source: Literal["usage", "estimate"] | None = None
    items_returned: int | None = None
    response_bytes: int = 0

    server_ttft_ms: float | None = None
    server_tpot_ms: float | None = None
    server_queue_ms: float | None = None
    server_inference_ms: float | None = None
    request_id: str | None = None
    attempt_id: str | None = None

    error_message: str | None = None
    retry_after_s: float | None = None
    event_ns: "array[int]" = NO_EVENTS
    event_chars: "array[int]" = NO_EVENTS

    def expect_events(self) -> None:
        """This is a stream."""
        self.event_ns, self.event_chars = array("q"), array("i")

    def text(self, chars: int, visible: bool, now_ns: int) -> None:
        """Note an event that carried output: `chars` of text, reasoning or tool-call arguments."""
        if self.first_token_ns is None:
            self.first_token_ns = now_ns
        if visible and self.first_visible_ns is None:
            self.first_visible_ns = now_ns
        if self.last_token_ns == now_ns:
            self.merged_events += 1
        self.last_token_ns = now_ns
        self.event_ns.append(now_ns)
        self.event_chars.append(chars)

    def settle(self, outcome: str, reason: str | None = None) -> None:
        """Decide the outcome, once: what was decided first stays."""
        if self.outcome is None:
            self.outcome = outcome
            if reason is not None:
                self.reason = reason
