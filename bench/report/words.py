"""Numbers -> words: one way to print each unit, in the terminal and on the page. `-` is "not known"."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyze import (
    ColdStart,
    LaneStarts,
    Lengths,
    Level,
    Provisioning,
    Refused,
    Retries,
    SloResult,
    Summary,
    Tally,
    Window,
    assured,
    covered,
)
from bench.report.start_words import start_words

NOTHING = "-"
BEYOND = "never"
"""A quantile that falls among the requests that never ended."""


def number(value: float | None, digits: int = 0) -> str:
    """A plain number with thousands apart."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def rate(value: float | None) -> str:
    """A rate with three digits that count, never fewer than its whole part."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def digits(value: float | None) -> str:
    """Four digits that count."""
    return NOTHING if value is None else f"{value:.4g}"


def share(value: float | None) -> str:
    """A share in percent, never rounded up to 100 % or down to 0 %."""
    if value is None:
        return NOTHING
    digits = next((d for d in (1, 2, 3) if float(f"{value * 100:.{d}f}") not in {0.0, 100.0}), 1)
    return f"{value * 100:.{digits}f}" if value not in {0, 1} else f"{value * 100:.0f}"


def percent(value: float | None) -> str:
    """The same with its sign."""
    return NOTHING if value is None else f"{share(value)}%"


def in_unit(value: float | None, unit: str) -> str:
    """Four digits of a metric: times in ms, shares in percent, all else bare, for its name tells the unit."""
    if value is None:
        return NOTHING
    if unit == "s":
        return f"{value * 1e3:.4g} ms"
    return f"{value:.2%}" if unit == "share" else f"{value:.4g}"


def milliseconds(level: Level) -> str:
    """A quantile in ms: `-` where fewer than ten requests lie beyond it, `never` among those without end."""
    if not level.resolved:
        return NOTHING
    if level.beyond:
        return BEYOND
    return _three_digits(level.value, 1000)


def seconds(level: Level) -> str:
    """The same in seconds."""
    if level.resolved and not level.beyond:
        return _three_digits(level.value, 1)
    return milliseconds(level)


def _three_digits(value: float | None, scale: float) -> str:
    if value is None:
        return NOTHING
    scaled = value * scale
    return f"{scaled:.0f}" if scaled >= 99.95 else f"{scaled:.1f}" if scaled >= 9.995 else f"{scaled:.2f}"


def span(value_s: float | None) -> str:
    """A duration with its unit."""
    if value_s is None:
        return NOTHING
    return f"{value_s * 1000:.3g} ms" if value_s < 1 else f"{value_s:.1f} s"


def counts(words: Mapping[str, int]) -> str:
    """`ok 478, failed 2`, the most frequent first, without zeros."""
    known = sorted(((count, word) for word, count in words.items() if count), reverse=True)
    return ", ".join(f"{word} {count:,}" for count, word in known) or "none"


# --- sentences ---------------------------------------------------------------------------------------------


def books(tally: Tally) -> str:
    """`scheduled 480 = ok 478 + failed 2`, and whether it is true."""
    parts = " + ".join(f"{word} {count:,}" for word, count in tally.outcomes.items() if count) or "0"
    balance = "" if tally.balanced else "  THE BOOKS DO NOT BALANCE"
    return f"scheduled {tally.scheduled:,} = {parts}{balance}"


def window(part: Window) -> str:
    """From where to where, and why not further."""
    size = f"{part.start_s:g} s to {part.end_s:.4g} s ({part.length_s:.4g} s)"
    return f"{size}; {part.note}" if part.note else size


def lengths(part: Lengths) -> str | None:
    """Mean tokens asked and got; None where nothing was reported."""
    sides = (("input", part.asked_in, part.got_in), ("output", part.asked_out, part.got_out))
    known = [f"{side} {number(asked)} -> {number(got)}" for side, asked, got in sides if asked is not None]
    return ", ".join(known) or None


def lane(start: Provisioning | LaneStarts | Refused) -> str:
    """The name of a lane."""
    return " / ".join(word for word in (start.pool, start.model, start.profile) if word)


def provisioning(start: Provisioning) -> str:
    """How long a cold lane took, honestly."""
    doubt = f"; NO EVIDENCE of a start from cold: {start.doubt}" if start.doubt else ""
    if start.still_cold:
        return (
            f"{lane(start)}: still cold {span(start.delay_low_s)} after the first of {start.refusals:,} "
            f"refusals, when the last came; it never started in this run{doubt}"
        )
    return (
        f"{lane(start)}: started between {span(start.delay_low_s)} and {span(start.delay_high_s)} after the "
        f"first of {start.refusals:,} refusals{_stages(start)}{doubt}"
    )


def start(found: ColdStart, from_workers: int = 0) -> str:
    """One start of an experiment."""
    return f"{found.folder}: {scale_out(found.start) if from_workers else provisioning(found.start)}"


def scale_out(start: Provisioning) -> str:
    """How long a lane under load waited for one worker more, honestly."""
    refused = f"; {start.refusals:,} requests were refused until then" if start.refusals else ""
    registered = f" (registered by {span(start.registered.high_s)})" if start.registered else ""
    if start.delay_high_s is None:
        return (
            f"{lane(start)}: no further worker had the model {span(start.delay_low_s)} after the load's "
            f"first request, at the last look{refused}"
        )
    return (
        f"{lane(start)}: a further worker had the model between {span(start.delay_low_s)} and "
        f"{span(start.delay_high_s)} after the load's first request{registered}{refused}"
    )


def _stages(start: Provisioning) -> str:
    told = (("registered", start.registered), ("model loaded", start.loaded))
    known = [f"{name} by {span(stage.high_s)}" for name, stage in told if stage]
    return f" ({', '.join(known)})" if known else ""


def one_start(starts: Sequence[Provisioning]) -> str | None:
    """What so few starts are worth; None where there is none that counts."""
    if not any(start.doubt is None and not start.still_cold for start in starts):
        return None
    return (
        f"each lane was seen to start once, which covers {covered(float(assured(1, 1)[-1]))} with 95% "
        "confidence (n = 1): `bench provision` repeats it"
    )


def between(low_s: float, high_s: float | None) -> str:
    """An interval in seconds, or its open end."""
    return f"more than {span(low_s)}" if high_s is None else f"{low_s:.1f} to {high_s:.1f} s"


def starts(found: LaneStarts) -> str:
    """What the starts of a lane show, and how far that goes."""
    name = start_words(found.from_workers).start
    said = f"{lane(found)}: the median {name} took {between(found.median.low_s, found.median.high_s)}"
    if found.curve_median_s is not None:
        said += f" (Kaplan-Meier: {span(found.curve_median_s)})"
    if found.still_cold:
        said += f"; {found.still_cold} of {found.count} had not ended with their run"
    if found.longest_s is None or found.covers is None:
        return f"{said}; nothing bounds them from above (n = {found.count})"
    which = "the longest that ended" if found.still_cold else "the longest"
    return (
        f"{said}; {which}, {span(found.longest_s)}, covers {covered(found.covers)} with 95% confidence "
        f"(n = {found.count})"
    )


def refused(found: Refused, from_workers: int = 0) -> str:
    """A lane that was not as it had to be."""
    what = "a scale-out under load" if from_workers else "a start from cold"
    return f"{found.folder}: {lane(found)} is no evidence of {what}: {found.why}"


def retries(found: Retries) -> str:
    """How soon the first answer came, and how late the service."""
    first, service = milliseconds(found.first_answer_p50), milliseconds(found.service_p50)
    return (
        f"{found.requests:,} requests were tried again ({found.tries:,} tries), {found.served:,} of them "
        f"were served: first answer (a refusal) after p50 {first} ms, end of service after p50 {service} ms"
    )


def simulated(summary: Summary) -> str | None:
    """What is not real, loudly; None for a real target."""
    return no_gpu(summary.run.simulation, virtual=summary.run.virtual) if summary.run.simulated else None


def unreal(what: str) -> str | None:
    """The same of several runs, `RunRow.unreal`; None where it is empty."""
    return f"{what.upper()}: no GPU was measured" if what else None


def no_gpu(facts: Mapping[str, Any], *, virtual: bool = False) -> str:
    """What a simulated gateway tells of itself."""
    details = [f"{name} {facts[name]}" for name in ("fleet", "seed") if name in facts]
    scale = facts.get("cold_start_scale")
    cold = _cold_starts(float(scale)) if isinstance(scale, int | float) and scale > 0 else ""
    what = "SIMULATED, VIRTUAL TIME" if virtual else "SIMULATED gateway"
    return f"{what} ({', '.join(details) or 'no details told'}), no GPU was measured{cold}"


def _cold_starts(scale: float) -> str:
    if scale == 1:
        return "; cold starts last as long as in life"
    factor, which = (1 / scale, "shorter") if scale < 1 else (scale, "longer")
    return f"; cold starts are {factor:.3g}x {which} than life"


def doubts(summary: Summary) -> list[str]:
    """What stays uncertain after a stop or a crash; empty for a run that ended by itself."""
    salvage, cut = summary.salvage, summary.overall.run.outcomes["unfinished"]
    if summary.run.state == "interrupted" and cut:
        return [
            f"{cut:,} requests were cut off by the stop; they count as unfinished, whatever was on its way"
        ]
    if salvage is None:
        return []
    whole_s = None if salvage.last_beat_ns is None else salvage.last_beat_ns / 1e9
    beat = "no log entry was complete" if whole_s is None else f"the logs are whole up to {whole_s:.2f} s"
    return [
        f"salvaged after a crash: {beat}; half-written entries dropped: {salvage.torn_entries}",
        f"{salvage.maybe_ended:,} requests counted as unfinished may have ended after that",
        f"{salvage.maybe_sent:,} requests counted as not sent may have been sent after that",
    ]


def slo(name: str, result: SloResult) -> str:
    """How a class did against its SLO."""
    limits = ", ".join(f"{metric} <= {limit:g} ms" for metric, limit in result.limits_ms.items())
    target = "" if result.target is None else f"; asked: {result.target * 100:.4g}%"
    return f"{name}: {percent(result.attainment)} of {result.offered:,} requests kept {limits}{target}"


def verdict(summary: Summary) -> list[str]:
    """The judgement on the generator: its reasons, and what to type next."""
    found = summary.verdict
    first = f"{found.judgement.upper()}: {'; '.join(found.reasons)}"
    return [first, f"next: {found.next_command}"]


def fitness(summary: Summary) -> list[str]:
    """Whether the run may enter a gate: the rules that forbid it, and those that give pause."""
    broken = [check for check in summary.validity if check.status == "invalid"]
    doubtful = [check for check in summary.validity if check.status == "warn"]
    first = "not fit for a gate" if broken else "fit for a gate"
    return [
        f"{first} ({len(summary.validity)} rules)",
        *(f"{check.rule} {check.status.upper()}: {check.sentence}" for check in (*broken, *doubtful)),
    ]


def generator(summary: Summary) -> str:
    """How well the generator kept its own promises."""
    facts, lag = summary.generator, summary.overall.latencies["send_lag"]
    shared = f"{summary.run.processes} processes; " if summary.run.processes > 1 else ""
    late_s = facts.sim_late_p50_s, facts.sim_late_p99_s
    simulator = (
        ""
        if late_s[0] is None or late_s[1] is None
        else f"; the simulator was late by p50 {late_s[0] * 1e3:.1f} ms, p99 {late_s[1] * 1e3:.1f} ms"
    )
    return (
        f"{shared}send lag p50 {milliseconds(lag.p50)} ms, p95 {milliseconds(lag.p95)} ms; stamped by the "
        f"kernel {percent(facts.kernel_stamp_share)}, events merged in one read {percent(facts.merged_share)}"
        f"{simulator}"
    )
