"""`self.client` of a Locust user: asks what a task wants to ask, by the engine and on the books."""

from collections.abc import Callable, Sequence
from typing import Any

from bench.drive.desk import Desk
from bench.drive.given import Message, Wish
from bench.drive.reply import Reply, reply_of
from bench.protocol import Operation


class PoolClient:
    """Each method blocks its user until the reply is there, and returns what became of it; it never raises
    for a request that failed. All of them take

    - `model`; may be left out where the scenario has a class called `name`, which then says it
    - `name`, the class in tables; left out, it is the operation. One name is one operation on one model in
      one pool
    - `profile` and `pool`: machine profile and pool to ask for
    - `keep`: whether the reply's text or vectors are wanted
    - `after`: the reply before this request in its conversation
    - any other field of the operation (`temperature`, `output_types`, `top_n` and so on); what no scenario
      knows goes into the body as it is

    Raises TypeError and ValueError for what makes no sense, RuntimeError where no run is under way, and
    Locust's StopUser where the run sends nothing more; nothing is recorded then.
    """

    def __init__(self, user: int, desk: Callable[[], Desk]) -> None:
        self._user, self._desk = user, desk

    def chat(
        self,
        prompt: str | Sequence[Message],
        *,
        max_tokens: int | None = None,
        stream: bool = True,
        **said: Any,
    ) -> Reply:
        """A chat completion, of a prompt or of messages with `role` and `content`."""
        messages = None if isinstance(prompt, str) else _messages(prompt)
        texts = (_text(prompt),) if isinstance(prompt, str) else _contents(prompt)
        return self._ask("chat", texts, max_tokens=max_tokens, stream=stream, messages=messages, **said)

    def completion(
        self, prompt: str, *, max_tokens: int | None = None, stream: bool = True, **said: Any
    ) -> Reply:
        """A completion of a bare prompt; no usage is asked for where dialect 0.4 refuses that."""
        return self._ask("completion", (_text(prompt),), max_tokens=max_tokens, stream=stream, **said)

    def generate(
        self, prompt: str, *, max_tokens: int | None = None, stream: bool = True, **said: Any
    ) -> Reply:
        """The gateway's own generation."""
        return self._ask("generate", (_text(prompt),), max_tokens=max_tokens, stream=stream, **said)

    def encode(self, texts: str | Sequence[str], **said: Any) -> Reply:
        """Vectors of texts by the gateway's own route."""
        return self._ask("encode", _texts(texts), **said)

    def extract(self, texts: str | Sequence[str], **said: Any) -> Reply:
        """Entities and the like out of texts."""
        return self._ask("extract", _texts(texts), **said)

    def embed(self, texts: str | Sequence[str], **said: Any) -> Reply:
        """OpenAI embeddings of texts."""
        return self._ask("embed", _texts(texts), **said)

    def score(self, query: str, documents: Sequence[str], **said: Any) -> Reply:
        """Scores of documents for a query by the gateway's own route."""
        return self._ask("score", (_text(query), *_texts(documents)), **said)

    def rerank(self, query: str, documents: Sequence[str], **said: Any) -> Reply:
        """The documents in their order for a query."""
        return self._ask("rerank", (_text(query), *_texts(documents)), **said)

    def _ask(
        self,
        operation: Operation,
        texts: tuple[str, ...],
        *,
        name: str | None = None,
        model: str | None = None,
        profile: str | None = None,
        pool: str | None = None,
        max_tokens: int | None = None,
        stream: bool = False,
        messages: Sequence[Message] | None = None,
        keep: bool = False,
        after: Reply | None = None,
        **fields: Any,
    ) -> Reply:
        if max_tokens is not None and (type(max_tokens) is not int or max_tokens < 1):
            raise ValueError(f"max_tokens {max_tokens!r} is no whole number above 0")
        wish = Wish(
            operation,
            texts,
            name or operation,
            model,
            profile,
            pool,
            stream,
            max_tokens,
            messages,
            keep,
            fields,
        )
        talk = None if after is None else (after.conversation, after.turn + 1)
        return reply_of(*self._desk().ask(self._user, wish, talk))


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{text!r:.60} is no text")
    if not text:
        raise ValueError("the text is empty")
    return text


def _texts(texts: Any) -> tuple[str, ...]:
    if isinstance(texts, str):
        return (_text(texts),)
    if not isinstance(texts, Sequence):
        raise TypeError(f"{texts!r:.60} is no list of texts")
    if not texts:
        raise ValueError("the list of texts is empty: give at least one")
    return tuple(map(_text, texts))


def _messages(messages: Any) -> Sequence[Message]:
    if not isinstance(messages, Sequence) or not all(isinstance(message, dict) for message in messages):
        raise TypeError(f"{messages!r:.60} is neither a prompt nor a list of messages")
    if not messages or not all(isinstance(message.get("role"), str) for message in messages):
        raise ValueError(f"{messages!r:.60}: give at least one message, each with a role")
    return messages


def _contents(messages: Sequence[Message]) -> tuple[str, ...]:
    """What estimates of tokens rest on."""
    return ("\n".join(said for message in messages if isinstance(said := message.get("content"), str)),)
