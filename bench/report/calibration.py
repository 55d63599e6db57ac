"""What a calibration found, for the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze import DISTURBED_SHARE, disturbed, errors_hold, spell
from bench.record import Calibration, Step, TimingError
from bench.report import words
from bench.report.table import Grid, table

_NOBODY = "nobody gave out: the safe load may be higher than what was tried"
_NO_TIME = "there was no time for every step; a quieter machine is also a faster one"
_GAVE_OUT = {
    "generator": "the generator gave out first",
    "server": "the null server gave out first, so the generator may do more than this",
    "both": "generator and null server gave out at the same load",
}


def step_line(step: Step) -> str:
    """One step in a sentence, while the others are still to come."""
    errors = f"TTFT {_ms(step.ttft)}, gap {_ms(step.gap)}, TPOT {_ms(step.tpot)}"
    whole = f", whole reply {_ms(step.e2e)}" if step.e2e.n else ""
    outcome = "ok" if step.holds else f"too much: {'; '.join(step.reasons)}"
    return f"{spell(step.held)}: error p99 {errors}{whole} ms; {outcome}{_beside(step)}"


def render_calibration(found: Calibration) -> RenderableType:
    """A table of the steps and what follows from it, for a rich Console of 100 columns or more."""
    return Group(Text(), table(_grid(found.steps)), Text(), *map(Text, calibration_lines(found)))


def calibration_lines(found: Calibration) -> list[str]:
    """What is safe, who gave out, and what spoils it."""
    proved = found.proved()
    gave_out = found.gave_out()
    return [
        *(f"safe: {spell(step.held)}; {_promise(step)}" for step in found.largest()),
        *([] if proved else ["no load is proved safe: not even the smallest kept the limits"]),
        _GAVE_OUT[gave_out] if gave_out else _NOBODY,
        *_costs(proved),
        *_disturbances(found),
        *(
            ["there was no time for every step; a quieter machine is also a faster one"]
            if found.ended_early
            else []
        ),
    ]


def check_lines(kept: Calibration, steps: Sequence[Step]) -> list[str]:
    """Whether a second look at each proved load confirms the first."""
    return [f"the promise of {kept.made} {_confirmed(step)}" for step in steps]


def _confirmed(step: Step) -> str:
    told = f"{spell(step.held)}: {_promise(step)}"
    if not errors_hold(step):
        return f"does not hold for {told}{_beside(step)}"
    return f"holds for {told}" + ("" if step.holds else f"; but {'; '.join(step.reasons)}{_beside(step)}")


def _grid(steps: Sequence[Step]) -> Grid:
    headings = (
        *("streams", "small\nreq/s", "events\n/s"),
        *("TTFT err\np99 ms", "gap err\np99 ms", "TPOT err\np99 ms"),
        *("send lag\np99 ms", "core\n%", "us an\nevent", "server\nlate ms", "others\n%", ""),
    )
    rows = tuple(
        (
            words.number(step.asked_streams),
            words.number(step.asked_small_requests_per_s),
            words.number(step.held.events_per_s),
            *(_ms(error) for error in (step.ttft, step.gap, step.tpot)),
            words.number(step.send_lag_p99_ms, 2),
            words.share(step.engine_core_share),
            words.number(step.engine_us_per_event, 1),
            words.number(step.server_late_p50_ms, 2),
            words.share(step.foreign_share),
            "ok" if step.holds else step.gave_out or "",
        )
        for step in steps
    )
    return Grid("Measured against the kernel's stamps of a server without a model", headings, 0, rows)


def _ms(error: TimingError) -> str:
    return words.number(error.p99_ms, 3)


def _promise(step: Step) -> str:
    return f"error p99 of TTFT {_ms(step.ttft)} ms, gaps {_ms(step.gap)} ms, TPOT {_ms(step.tpot)} ms"


def _costs(proved: Sequence[Step]) -> list[str]:
    event = [step.engine_us_per_event for step in proved if step.engine_us_per_event]
    small = [step.engine_us_per_small_request for step in proved if step.engine_us_per_small_request]
    told = [
        *([f"{event[-1]:.0f} us an event"] if event else []),
        *([f"{small[-1]:.0f} us a small request"] if small else []),
    ]
    return [f"CPU of the engine: {', '.join(told)}"] if told else []


def _disturbances(found: Calibration) -> list[str]:
    shares = [step.foreign_share for step in found.steps if disturbed(step)]
    if not shares:
        return []
    which = f"in {len(shares)} of {len(found.steps)} steps others used more than {DISTURBED_SHARE:.0%}"
    return [f"disturbed: {which} of the CPU (up to {max(shares):.0%}); quiet, it may be safe for more"]


def _beside(step: Step) -> str:
    return f" (others used {step.foreign_share:.0%} of the CPU)" if disturbed(step) else ""
