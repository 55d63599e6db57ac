"""The measurement window: from the end of the warm-up to the end of the arrivals, by scheduled instant."""

from pydantic import BaseModel, ConfigDict

from bench.analyze.run import Run
from bench.metrics import NS_PER_S


class Value(BaseModel):
    """Base of everything in summary.json: frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Window(Value):
    """[start_s, end_s) in seconds from the run's start; `note` says why it is not what was asked."""

    start_s: float
    end_s: float
    note: str | None = None

    @property
    def length_s(self) -> float:
        """How long it is; 0 where the run never got past its warm-up."""
        return max(0.0, self.end_s - self.start_s)

    @property
    def start_ns(self) -> int:
        """First instant inside."""
        return round(self.start_s * NS_PER_S)

    @property
    def end_ns(self) -> int:
        """First instant outside."""
        return round(self.end_s * NS_PER_S)


def window_of(run: Run) -> Window:
    """[warmup_s, duration_s), or up to the last request that was reached where the run was cut short."""
    start_s, end_s = run.scenario.warmup_s, run.scenario.duration_s
    if run.info.state not in {"interrupted", "salvaged"}:
        return Window(start_s=start_s, end_s=end_s)
    missed = run.requests["outcome"] == "not_sent"
    if run.scenario.closed_loop is None and not missed.any():
        return Window(start_s=start_s, end_s=end_s)
    reached_ns = run.requests.loc[~missed, "scheduled_ns"].max() if not missed.all() else None
    # One nanosecond on, so that the last request that was reached lies inside the half-open window.
    reached_s = min(end_s, 0.0 if reached_ns is None else (int(reached_ns) + 1) / NS_PER_S)
    return Window(
        start_s=start_s,
        end_s=max(start_s, reached_s),
        note=f"the run was {_how(run)} at {reached_s:.1f} s of {end_s:g} s: "
        + (
            "the window ends at the last request that was reached"
            if reached_s > start_s
            else "it never got past its warm-up, so nothing was measured"
        ),
    )


def _how(run: Run) -> str:
    return "stopped" if run.info.state == "interrupted" else "cut off (and salvaged)"
