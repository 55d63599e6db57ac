"""Who served a run: one machine profile, and how many workers of it for each bundle of models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.record import RunFolder, RunInfo
from bench.sim.model import Catalog
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.rows import Rows

Told = Sequence[Mapping[str, Any]]
"""What the gateway said of its workers, before the start and once a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """The profile, its workers by bundle, and which rows it served."""

    profile: str
    workers: Mapping[str, int]
    mine: npt.NDArray[np.bool_]


def served(
    folder: RunFolder, info: RunInfo, rows: Rows, catalog: Catalog, profile: str | None, workers: int
) -> Served:
    """Of rows that were all tried. Raises FitError where it was not one profile, or not so many all the time.

    With `profile` the rows of others are left out; `workers` (0: as the gateway told) is taken as given.
    """
    told = _told(folder, info)
    by = _by_whom(folder, rows, {name for line in told for name, n in line["live"].items() if n}, profile)
    chosen = profile or _only(folder, by)
    if chosen not in catalog.chips:
        raise FitError(
            f"{folder.path}: machine profile {chosen!r} is unknown; known: {', '.join(catalog.chips)}; "
            "describe yours in a --profile-file, `like` one of those (docs/sim.md)"
        )
    mine = by == chosen
    if not mine.any():
        raise FitError(
            f"{folder.path}: nothing was served by {chosen}, but by {', '.join(sorted(set(by.tolist())))}"
        )
    models = sorted(set(rows.words["model"][mine].tolist()))
    counts = {
        _bundle(folder, model, catalog): workers or _count(folder, told, model, chosen) for model in models
    }
    return Served(chosen, counts, mine)


def _told(folder: RunFolder, info: RunInfo) -> Told:
    first = [{"live": info.target.live_workers, "serving": info.target.serving}] if info.target else []
    return [*first, *(line for line in folder.health() if "error" not in line)]


def _by_whom(folder: RunFolder, rows: Rows, live: set[str], profile: str | None) -> npt.NDArray[np.str_]:
    """The profile that served each row: the only one alive, or else the one that was asked for."""
    asked = rows.words["profile"]
    if len(live) == 1:
        return np.full(len(rows), next(iter(live)))
    if not live:
        return np.where(asked == "", profile or "", asked)
    strangers = sorted(set(asked.tolist()) - live)
    if strangers:
        raise FitError(
            f"{folder.path}: requests asked for {strangers[0] or 'no profile'} while "
            f"{', '.join(sorted(live))} were alive, and nothing tells who served them; "
            "let each class name a profile of the fleet"
        )
    return asked


def _only(folder: RunFolder, by: npt.NDArray[np.str_]) -> str:
    names = sorted(set(by.tolist()))
    if names == [""]:
        raise FitError(f"{folder.path} does not say which machine served it; name its profile with --profile")
    if len(names) > 1:
        raise FitError(
            f"{folder.path} was served by {', '.join(names)}; fit one at a time with --profile {names[0]}"
        )
    return str(names[0])


def _bundle(folder: RunFolder, model: str, catalog: Catalog) -> str:
    card = catalog.find_card(model)
    if card is None:
        raise FitError(
            f"{folder.path}: model {model!r} has no card; add one to a --profile-file (docs/sim.md)"
        )
    return card.bundle


def _count(folder: RunFolder, told: Told, model: str, profile: str) -> int:
    """Workers of the profile that had the model, the same number all the time."""
    counts = {_serving(line, model).get(profile, 0) for line in told if line["live"]}
    if not counts:
        raise FitError(f"{folder.path} does not say how many workers served it; tell with --workers")
    if len(counts) > 1:
        raise FitError(
            f"{folder.path}: {profile} had from {min(counts)} to {max(counts)} workers with {model}; a fit "
            "needs a run with the same workers from start to end"
        )
    return int(counts.pop())


def _serving(line: Mapping[str, Any], model: str) -> Mapping[str, int]:
    """Workers that have the model, where the gateway tells, else all."""
    told: Mapping[str, int] = (line.get("serving") or {}).get(model) or line["live"]
    return told
