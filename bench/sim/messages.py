"""The messages of a conversation, checked and measured."""

from collections.abc import Sequence

from bench.sim.fields import unsupported
from bench.sim.reply import OpenAIEnvelope
from bench.sim.text import count_tokens

_ROLES = ("system", "user", "assistant", "tool", "developer")


def count_messages(messages: Sequence[object], envelope: OpenAIEnvelope, param: str) -> int:
    """Tokens of all messages; refuses, in the name of the parameter, one that is none."""
    return sum(count_tokens(_content(message, envelope, param)) for message in messages)


def _content(message: object, envelope: OpenAIEnvelope, param: str) -> str:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise envelope.invalid(f"A message is a map with a role of {', '.join(_ROLES)}", param)
    if message["role"] == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise envelope.invalid("A tool message needs 'tool_call_id'", param)
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise envelope.invalid("A message's content is a string or a list of parts", param)
    return "".join(_part(part, envelope, param) for part in content)


def _part(part: object, envelope: OpenAIEnvelope, param: str) -> str:
    if not isinstance(part, dict) or part.get("type") not in ("text", "input_text"):
        raise unsupported(param, "Only text parts are supported")
    text = part.get("text")
    if not isinstance(text, str):
        raise envelope.invalid("A text part needs 'text'", param)
    return text
