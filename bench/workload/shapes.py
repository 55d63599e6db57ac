"""What a class of traffic fixes of each of its requests: looked up for every one, so worked out once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bench.scenario import Batch, Generation, Ranking, Traffic

T = TypeVar("T")


def once_a_class(make: Callable[[Traffic], T]) -> Callable[[Traffic], T]:
    """Remember by identity: to hash a class of traffic costs more than most that is made of it."""
    known: dict[int, tuple[Traffic, T]] = {}

    def get(traffic: Traffic) -> T:
        try:
            return known[id(traffic)][1]
        except KeyError:
            # Kept with it, so that no other comes to have its id.
            made = make(traffic)
            known[id(traffic)] = traffic, made
            return made

    return get


@dataclass(frozen=True, slots=True)
class Shape:
    """`texts` of the class's length, after a query of `query_tokens` (0: none); `items` are results due."""

    generates: bool
    stream: bool
    items: int | None
    texts: int
    query_tokens: int


@once_a_class
def shape_of(traffic: Traffic) -> Shape:
    """The shape of the requests of a class: one result an item, or as many as a ranking is cut to."""
    match traffic:
        case Batch():
            return Shape(False, False, traffic.batch_size, traffic.batch_size, 0)
        case Ranking():
            return Shape(False, False, traffic.due, traffic.documents, traffic.query_tokens)
    generates = isinstance(traffic, Generation)
    return Shape(generates, generates and traffic.stream, None, 1, 0)
