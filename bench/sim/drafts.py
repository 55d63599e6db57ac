"""What a simulated model is going to write: plain text, JSON, or the call of a tool.

Everything is decided before the first token, because nothing of it depends on the model's state.  Text cut
off by the limit of tokens ends with `length`, as all plain text does; JSON and calls end when they are whole.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from bench.sim.model import CHARACTERS_PER_TOKEN, Card
from bench.sim.schemas import instance_of
from bench.sim.text import text_of

_SEED_STEP = 37
_CHOICE_STEP = 101
_FRAME = '{"text":"%s"}'


@dataclass(frozen=True, slots=True)
class Piece:
    """Some tokens of a draft, as far as they think aloud and as far as they are the answer."""

    reasoning: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One whole candidate; a token is four characters of its text, and the last may have fewer."""

    text: str
    finish: str
    reasoning_tokens: int = 0
    """So many tokens at the start are reasoning that the client asked to see."""
    tool: str = ""
    """The tool whose arguments the text is."""

    @property
    def tokens(self) -> int:
        """How many tokens the draft has."""
        return -(-len(self.text) // CHARACTERS_PER_TOKEN)

    @property
    def call_id(self) -> str:
        """The name of the call, the same wherever it is told."""
        return f"call_{crc32(f'{self.tool}/{self.text}'.encode()):08x}"

    def cut(self, start: int, tokens: int) -> Piece:
        """The tokens from `start` on."""
        turn = min(max(self.reasoning_tokens, start), start + tokens)
        return Piece(self._span(start, turn), self._span(turn, start + tokens))

    def all(self) -> Piece:
        """The whole draft."""
        return self.cut(0, self.tokens)

    def _span(self, start: int, end: int) -> str:
        return self.text[start * CHARACTERS_PER_TOKEN : end * CHARACTERS_PER_TOKEN]


def draft_choices(card: Card, given: Mapping[str, Any], most_tokens: int, seed: int) -> list[Draft]:
    """A draft of at most so many tokens for each of the `n` choices; they differ where text is free."""
    starts = [seed * _SEED_STEP + index * _CHOICE_STEP for index in range(given.get("n", 1))]
    drafts = [_draft(given, most_tokens, start) for start in starts]
    if card.reasoning and given.get("include_reasoning"):
        return [replace(d, reasoning_tokens=0 if d.tool else d.tokens // 2) for d in drafts]
    return drafts


def _draft(given: Mapping[str, Any], most_tokens: int, start: int) -> Draft:
    tool = _called_tool(given)
    if tool:
        arguments = instance_of(tool.get("parameters")) or {}
        return replace(_limited(json.dumps(arguments), most_tokens, "tool_calls"), tool=tool["name"])
    schema = asked_schema(given)
    if schema:
        return _limited(json.dumps(instance_of(schema)), most_tokens, "stop")
    if schema is not None:
        return _limited(_json_object(most_tokens, start), most_tokens, "stop")
    return Draft(text_of(start, most_tokens), "length")


def _limited(text: str, most_tokens: int, finish: str) -> Draft:
    most = most_tokens * CHARACTERS_PER_TOKEN
    return Draft(text, finish) if len(text) <= most else Draft(text[:most], "length")


def _json_object(tokens: int, start: int) -> str:
    """An object that fills the tokens exactly, if there are enough for more than an empty one."""
    room = tokens * CHARACTERS_PER_TOKEN - len(_FRAME % "")
    return _FRAME % text_of(start, tokens)[:room] if room >= 0 else "{}"


def asked_schema(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The JSON Schema that the answer must fit; empty for any object, None where text is free."""
    form = given.get("response_format") or {}
    if form.get("type") == "json_schema":
        return dict(form["json_schema"]["schema"])
    if form.get("type") == "json_object":
        return {}
    grammar = given.get("grammar") or {}
    return dict(grammar["json_schema"]) if "json_schema" in grammar else None


def _called_tool(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The function to call; none once its result has come, unless the client insists."""
    tools, choice = given.get("tools"), given.get("tool_choice", "auto")
    answered = bool(given.get("messages")) and given["messages"][-1].get("role") == "tool"
    if not tools or choice == "none" or (choice == "auto" and answered):
        return None
    name = choice["function"]["name"] if isinstance(choice, dict) else tools[0]["function"]["name"]
    named: list[dict[str, Any]] = [t["function"] for t in tools if t["function"]["name"] == name]
    return named[0]
