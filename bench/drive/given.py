"""What a task of a locustfile asks: checked like a class of a scenario, then put in the target's terms.

ValueError   the target would refuse it, or it contradicts what was asked under the same name before
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace
from pydantic import ValidationError

from bench.drive.asking import pattern_of
from bench.protocol import Ask, Operation
from bench.scenario import (
    ChatTraffic,
    CompletionTraffic,
    EmbedTraffic,
    EncodeTraffic,
    ExtractTraffic,
    GenerateTraffic,
    RerankTraffic,
    Sampling,
    ScoreTraffic,
    Traffic,
    refusals,
)
from bench.scenario.routes import Kind
from bench.workload import Planned

Message = Mapping[str, Any]

GENERATES = frozenset({"chat", "completion", "generate"})
RANKS = frozenset({"score", "rerank"})

_KINDS: Mapping[str, type[Traffic]] = {
    "chat": ChatTraffic,
    "completion": CompletionTraffic,
    "generate": GenerateTraffic,
    "encode": EncodeTraffic,
    "score": ScoreTraffic,
    "extract": ExtractTraffic,
    "embed": EmbedTraffic,
    "rerank": RerankTraffic,
}

_SAMPLING = frozenset(Sampling.model_fields)
_PLAIN = frozenset({"stream_usage", "wire"})
_BARE = {"name", "operation", "model", "pool", "input_tokens", "output_tokens", "stream", *_PLAIN}


class Wish(NamedTuple):
    """A call of a task; `fields` is whatever else it said."""

    operation: Operation
    texts: tuple[str, ...]
    name: str
    model: str | None
    profile: str | None
    pool: str | None
    stream: bool
    max_tokens: int | None
    messages: Sequence[Message] | None
    keep: bool
    fields: Mapping[str, Any]


class Given(Planned, kw_only=True):
    """A request that stands in no schedule; nobody counted the tokens of its texts."""

    ask: Ask
    begun: tuple[int, int]
    """Conversation, and turn in it."""

    @property
    def items(self) -> int | None:
        """Results due; None where text is generated."""
        return None if self.ask.operation in GENERATES else self.ask.items

    @property
    def in_tokens(self) -> int | None:
        """Not known."""
        return None

    @property
    def conversation(self) -> int:
        """Number of the request that began it."""
        return self.begun[0]

    @property
    def turn(self) -> int:
        """From 0."""
        return self.begun[1]

    @property
    def stream(self) -> bool:
        """Whether the reply comes as events."""
        return self.ask.stream


class Names:
    """The classes under which tasks ask. One name is one operation on one model in one pool.

    `declared` classes of the scenario lend model, pool and SLO to what is asked under their name. `admit`
    hears of each class before its first request. With `chars_per_token` tokens that the server does not
    report are estimated from characters.
    """

    def __init__(
        self,
        kind: Kind,
        dialect: str | None,
        declared: Iterable[Traffic],
        admit: Callable[[Traffic], None],
        chars_per_token: float | None = None,
    ) -> None:
        self._chars_per_token = chars_per_token
        self._kind, self._dialect, self._admit = kind, dialect, admit
        self._declared = {traffic.name: traffic for traffic in declared}
        self._known: dict[str, Traffic] = {}

    def ask(self, wish: Wish) -> tuple[Traffic, Ask]:
        """What is asked as a class of its own, and in the target's terms. Raises ValueError."""
        asked = self._check(wish)
        messages = {} if wish.messages is None else {"messages": list(wish.messages)}
        return asked, replace(
            pattern_of(asked, stream=wish.stream),
            texts=wish.texts,
            max_tokens=wish.max_tokens,
            extra={**asked.extra, **messages},
            profile=wish.profile,
            chars_per_token=self._chars_per_token,
            keep=wish.keep,
        )

    def class_of(self, asked: Traffic) -> Traffic:
        """The class that bears its name. Raises ValueError where that is something else."""
        known = self._known.get(asked.name) or self._declared.get(asked.name)
        if known is None:
            bare = asked.model_dump(mode="json", include=_BARE)
            known = type(asked).model_validate(bare, strict=False)
        if _lane(known) != _lane(asked):
            raise ValueError(
                f"{asked.name} is {_words(known)} already, and now {_words(asked)}: give another name="
            )
        if asked.name not in self._known:
            self._known[asked.name] = known
            self._admit(known)
        return known

    def _check(self, wish: Wish) -> Traffic:
        declared = self._declared.get(wish.name)
        model = wish.model or (declared.model if declared else None)
        if not model:
            raise ValueError(
                f"{wish.name}: no model is named, and the scenario has no class of that name: model=..."
            )
        pool = wish.pool or (declared.pool if declared else None)
        try:
            asked = _KINDS[wish.operation].model_validate(
                {**_sizes(wish), **self._said(wish), "model": model, "pool": pool}, strict=False
            )
        except ValidationError as error:
            raise ValueError("; ".join(_fault(wish, dict(fault)) for fault in error.errors())) from None
        if refused := refusals(asked, self._kind, self._dialect):
            raise ValueError("; ".join(refused))
        return asked

    def _said(self, wish: Wish) -> dict[str, Any]:
        kind, fields = _KINDS[wish.operation], dict(wish.fields)
        said: dict[str, Any] = {"name": wish.name, "operation": wish.operation}
        if wish.profile is not None:
            said["profiles"] = [wish.profile]
        if wish.operation in GENERATES:
            said |= {"stream": wish.stream, "output_tokens": "given"}
            said["sampling"] = {name: fields.pop(name) for name in _SAMPLING & fields.keys()}
        if wish.operation == "completion" and self._kind == "sie" and self._dialect == "0.4":
            # That route refuses to be asked for it.
            fields.setdefault("stream_usage", False)
        plain = _PLAIN & kind.model_fields.keys()
        said |= {name: fields.pop(name) for name in {*kind.SENT, *plain} & fields.keys()}
        return {**said, "extra": fields}


def _sizes(wish: Wish) -> dict[str, Any]:
    sizes: dict[str, Any] = {"input_tokens": "given"}
    if wish.operation in RANKS:
        sizes["documents"] = len(wish.texts) - 1
    elif wish.operation not in GENERATES:
        sizes["batch_size"] = len(wish.texts)
    return sizes


def _lane(traffic: Traffic) -> tuple[str, str, str | None]:
    return traffic.operation, traffic.model, traffic.pool


def _words(traffic: Traffic) -> str:
    pool = f" in pool {traffic.pool}" if traffic.pool else ""
    return f"{traffic.operation} on {traffic.model}{pool}"


def _fault(wish: Wish, fault: dict[str, Any]) -> str:
    place = ".".join(str(step) for step in fault["loc"]) or wish.operation
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{wish.name}: {place} {fault['input']!r:.60}: {reason}"
