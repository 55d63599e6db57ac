"""What an hour of each profile costs: a dated table in the package, and the user's own over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveFloat, field_validator

from bench.analyze.plan.faults import PlanError
from bench.analyze.yaml_files import Closed, FileError, read_model

SHIPPED = Path(__file__).with_name("prices.yaml")


class Price(Closed):
    """What one replica of a profile costs, of which machine, and who said so when."""

    per_hour: PositiveFloat
    machine: str = ""
    as_of: str = Field("", description="year and month (and day) of the figure: 2026-11")
    certainty: Literal["high", "medium", "weak", ""] = ""
    source: str = ""


class Prices(Closed):
    """A price table. `l4: 0.80` is short for `l4: {per_hour: 0.80}`."""

    currency: str = "USD"
    profiles: dict[str, Price] = Field(min_length=1)

    @field_validator("profiles", mode="before")
    @classmethod
    def _short(cls, profiles: object) -> object:
        if not isinstance(profiles, Mapping):
            return profiles
        return {
            name: {"per_hour": price} if isinstance(price, int | float) else price
            for name, price in profiles.items()
        }


def load_prices(own: Path | None = None) -> Prices:
    """The shipped table with the profiles of the user's own over it. Raises PlanError.

    Prices in different currencies are never mixed: a table in another one stands alone.
    """
    shipped = _read(SHIPPED)
    if own is None:
        return shipped
    mine = _read(own)
    if mine.currency != shipped.currency:
        return mine
    return mine.model_copy(update={"profiles": {**shipped.profiles, **mine.profiles}})


def _read(path: Path) -> Prices:
    try:
        return read_model(path, Prices)
    except FileError as fault:
        raise PlanError(str(fault)) from None
