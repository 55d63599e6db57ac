"""Values that fit a JSON Schema: the smallest that its plainer keywords allow."""

from itertools import count, islice
from typing import Any

_DEEPEST = 16
_MOST_VALUES = 10_000


def instance_of(schema: Any) -> Any:
    """A value for the schema.

    It heeds const, enum, default, type, properties, items, minItems, minLength, minimum, the first of anyOf
    and oneOf, and all of allOf.  It ignores other keywords, references, and what lies deeper than 16 levels
    or comes after ten thousand values, so that no schema can make it large.
    """
    return _Maker().make(schema, 0)


class _Maker:
    def __init__(self) -> None:
        self._made = count()

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _DEEPEST or next(self._made) > _MOST_VALUES:
            return None
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return schema["enum"][0]
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                return self.make(schema[key][0], depth + 1)
        if isinstance(schema.get("allOf"), list):
            parts = [part for part in schema["allOf"] if isinstance(part, dict)]
            return self.make({key: value for part in parts for key, value in part.items()}, depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else None)
        if isinstance(kind, list):
            kind = kind[0] if kind else None
        if kind == "object":
            properties = schema.get("properties")
            fields = properties.items() if isinstance(properties, dict) else ()
            return {key: self.make(part, depth + 1) for key, part in fields}
        if kind == "array":
            items = (self.make(schema.get("items"), depth + 1) for _ in range(_MOST_VALUES))
            return list(islice(items, _least(schema, "minItems", 1)))
        return _scalar(kind, schema)


def _scalar(kind: object, schema: dict[str, Any]) -> Any:
    if kind == "string":
        return "word".ljust(_least(schema, "minLength", 0), "d")
    if kind in ("integer", "number"):
        least = schema.get("minimum", 0)
        return least if isinstance(least, int | float) else 0
    return True if kind == "boolean" else None


def _least(schema: dict[str, Any], key: str, otherwise: int) -> int:
    least = schema.get(key, otherwise)
    return min(max(least, 0), 1000) if isinstance(least, int) else otherwise
