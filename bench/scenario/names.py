"""The keys that are valid at one place of a scenario, for "did you mean"."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel


def names_at(root: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that may stand beside the last step of `loc`, a location in a pydantic error.

    Such a location also names the member of a discriminated union (`classes, 0, chat, wieght`).
    """
    models = [root]
    for step in loc[:-1]:
        if isinstance(step, str):
            models = _follow(models, step)
    return sorted({name for model in models for name in model.model_fields})


def _follow(models: Sequence[type[BaseModel]], step: str) -> list[type[BaseModel]]:
    tagged = [model for model in models if _tags(model) & {step}] if len(models) > 1 else []
    inner = [
        found
        for model in models
        if step in model.model_fields
        for found in _models(model.model_fields[step].annotation)
    ]
    return tagged or inner or list(models)


def _tags(model: type[BaseModel]) -> set[Any]:
    """The values of its one-word literal fields, such as {"chat"} for `operation: Literal["chat"]`."""
    choices = [get_args(field.annotation) for field in model.model_fields.values()]
    return {choice[0] for choice in choices if len(choice) == 1}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
