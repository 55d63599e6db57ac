"""What encode, score and extract share: admission, the items of a body, and the run through a worker."""

from typing import Any

from bench.sim.gateway import Exchange
from bench.sim.lookup import find_card, find_lane, require_warm
from bench.sim.model import SPECIAL_TOKENS, Card, ItemsDone, Job, Lane
from bench.sim.reply import NativeEnvelope
from bench.sim.text import count_tokens
from bench.sim.waiting import complete

NATIVE = NativeEnvelope()


def admit(exchange: Exchange, name: str) -> tuple[Card, Lane]:
    """The model and the lane that will serve, found before the body is looked at."""
    card = find_card(exchange.gateway.settings.catalog, name, NATIVE)
    lane = find_lane(exchange, card, NATIVE)
    require_warm(exchange, lane, NATIVE, native_route=True)
    return card, lane


def read_items(body: dict[str, Any], most: float) -> list[Any]:
    """The items in any spelling that encode and extract accept: items, input, inputs, or one bare item."""
    value: object = [body]
    if "items" in body:
        value = body["items"]
    elif "input" in body:
        value = body["input"] if isinstance(body["input"], list) else [body["input"]]
    elif "inputs" in body:
        value = body["inputs"]
    items = list_of_items(value, most)
    return [{"text": item} if isinstance(item, str) else item for item in items]


def list_of_items(value: object, most: float) -> list[Any]:
    """A list with at least one and at most so many items."""
    if value is not None and not isinstance(value, list):
        raise NATIVE.invalid("'items' must be an array")
    if not value:
        raise NATIVE.invalid("'items' must not be empty")
    if len(value) > most:
        raise NATIVE.invalid(f"{len(value)} items are more than {most:.0f}")
    return value


def read_params(body: dict[str, Any]) -> dict[str, Any]:
    """The map under `params`; what stands beside it is ignored."""
    return _map(body.get("params"))


def read_options(params: dict[str, Any]) -> dict[str, Any]:
    """The map under `params.options`."""
    return _map(params.get("options"))


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def item_tokens(item: object) -> int | None:
    """Tokens of an item with text, None for any other."""
    text = item.get("text") if isinstance(item, dict) else None
    return count_tokens(text) + SPECIAL_TOKENS if isinstance(text, str) and text else None


def readable_items(exchange: Exchange, card: Card, items: list[Any], refused: str) -> list[tuple[Any, int]]:
    """The items that the worker can read, each with its length in tokens.

    The others vanish without a word, as from a real gateway's answer.  Where nothing is left, or the worker
    cannot do what was asked at all (`refused` says why), it is a refusal.
    """
    lengths = [] if refused else [(item, item_tokens(item)) for item in items]
    good = [(item, min(length, card.context_tokens)) for item, length in lengths if length is not None]
    if not good:
        message = refused or "item has no text"
        raise exchange.gateway.settings.dialect.items_refused([(n, message) for n in range(len(items))])
    return good


async def run_items(exchange: Exchange, card: Card, lane: Lane, lengths: list[int]) -> ItemsDone:
    """Have a worker of the lane compute items of these lengths in tokens."""
    driver = exchange.gateway.driver
    job = Job(driver.new_id(), card.name, lane, item_tokens=tuple(lengths))
    events = await complete(exchange, job, NATIVE)
    return next(event for event in events if isinstance(event, ItemsDone))


def timing_headers(exchange: Exchange, done: ItemsDone) -> dict[str, str]:
    """The headers of a whole reply with the worker's times, in ms."""
    return exchange.served_headers() | {
        "x-queue-time": f"{done.queue_ns / 1e6:.1f}",
        "x-inference-time": f"{done.inference_ns / 1e6:.1f}",
    }
