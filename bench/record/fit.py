"""What `bench fit` found out about a machine, beside the profile file. `docs/fit.md` explains each key."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FittedKey(_Facts):
    """One key of the profile."""

    name: str
    state: Literal["fitted", "untold", "held"] = Field(
        description="untold: wanted, but the runs cannot tell it; held: not wanted"
    )
    start: float = Field(description="in the profile from which the fit began; kept where it is not fitted")
    value: float
    error: float | None = Field(None, description="standard error as a share of the value; null: not known")
    sentence: str = Field("", description="why it is untold, and which runs would tell it")


class Prediction(_Facts):
    """One run, model and metric: what was measured, and what the fitted model says of the same requests."""

    run: str
    checked: bool = Field(description="kept out of the fit, with --check")
    rate_per_s: float
    model: str
    metric: Literal["ttft_sent", "tpot", "e2e_sent"]
    requests: int
    measured_p50_s: float
    modelled_p50_s: float

    @property
    def error(self) -> float:
        """Of the model, as a share of the measurement."""
        return self.modelled_p50_s / self.measured_p50_s - 1


class Fit(_Facts):
    """A fitted profile and how far to trust it."""

    format_version: Literal[1] = 1
    profile: str = Field(description="whose workers served the runs, and from which the fit began")
    name: str = Field(description="of the profile in the file")
    runs: tuple[str, ...]
    requests: int
    keys: tuple[FittedKey, ...]
    misfit: float = Field(description="rms of the residuals in units of what was expected; above 1: worse")
    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...] = ()
