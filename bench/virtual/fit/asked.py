"""What was asked of the machine: each observed request as a job of the model."""

from collections.abc import Iterator, Mapping

import numpy as np
from pydantic import ValidationError

from bench.record import RunFolder
from bench.scenario import Ranking, Scenario, Traffic, is_given
from bench.sim.model import DEFAULT_POOL, SPECIAL_TOKENS, Card, Catalog, Job, Lane
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.rows import Rows
from bench.virtual.fit.served import Served
from bench.virtual.work import items_of
from bench.workload import Planned, shape_of

_RANKINGS = ("score", "rerank")


def jobs(folder: RunFolder, rows: Rows, who: Served, catalog: Catalog) -> Iterator[Job]:
    """Raises FitError where nobody counted the tokens, or nobody knows how many documents were ranked."""
    classes, rankings = rows.words["traffic_class"].tolist(), _rankings(folder, rows)
    counted, asked, out_tokens, items = (
        rows.numbers[name].tolist() for name in ("in_tokens", "asked_in_tokens", "out_tokens", "items_asked")
    )
    told = (rows.words["tokens_source"] != "estimate").tolist()
    for number, model in enumerate(rows.words["model"].tolist()):
        card, is_told = catalog.find_card(model), told[number] and counted[number] >= 1
        tokens = counted[number] if counted[number] >= 1 else asked[number]
        if card is None or not tokens >= 1:
            raise FitError(f"{folder.path}: the input tokens of requests to {model} were never counted")
        lane = Lane(DEFAULT_POOL, card.bundle, who.profile)
        if card.kind == "generate":
            yield Job(number, card.name, lane, int(tokens), _output(folder, model, out_tokens[number]))
            continue
        ranking = rankings.get(classes[number])
        if ranking and not is_told:
            item_tokens = _pairs(ranking, tokens, card)
        else:
            count = shape_of(ranking).texts if ranking else max(1, int(np.nan_to_num(items[number])))
            item_tokens = (_each(tokens, count, is_told=is_told),) * count
        yield Job(number, card.name, lane, item_tokens=item_tokens)


def _rankings(folder: RunFolder, rows: Rows) -> Mapping[str, Traffic]:
    """The classes that rank, by name: a row tells how many scores were due, not of how many documents."""
    names = set(rows.words["traffic_class"][np.isin(rows.words["operation"], _RANKINGS)].tolist())
    if not names:
        return {}
    try:
        classes = Scenario.model_validate(folder.info().scenario, strict=False).classes
    except ValidationError:
        classes = ()
    known = {
        traffic.name: traffic for traffic in classes if isinstance(traffic, Ranking) and not is_given(traffic)
    }
    if missing := sorted(names - known.keys()):
        raise FitError(
            f"{folder.path}: its scenario does not say how many documents the requests of class {missing[0]} "
            "ranked; fit a run without them, or one whose classes have lengths of their own"
        )
    return known


def _each(tokens: float, count: int, *, is_told: bool) -> int:
    """Of one item; a server counts what an item has beyond its text."""
    return max(1, round(tokens / count) + (0 if is_told else SPECIAL_TOKENS))


def _pairs(ranking: Traffic, tokens: float, card: Card) -> tuple[int, ...]:
    """Tokens of each document with the query, from those of all documents and one query."""
    shape = shape_of(ranking)
    each = max(1, round((tokens - shape.query_tokens) / shape.texts))
    return items_of(Planned(0, ranking, None, each, None), card.context_tokens)


def _output(folder: RunFolder, model: str, tokens: float) -> int:
    if not tokens >= 1:
        raise FitError(
            f"{folder.path}: the output tokens of requests to {model} were not counted, so their batches are "
            "unknown; the server must report usage, or `target.estimate_tokens` be true in the scenario"
        )
    return int(tokens)
