"""Is it good enough? Each SLO of the scenario against the numbers; no data is never a pass."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.analyze.slo import SloResult
from bench.analyze.summary import Summary
from bench.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Miss:
    """An SLO that was not met: of which class (None: of the run), which number, and why in a sentence."""

    traffic_class: str | None
    metric: str
    value: float | None
    limit: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def check(summary: Summary, scenario: Scenario) -> list[Miss]:
    """Every SLO that was missed; empty if all were met."""
    return [*_error_rate(summary, scenario), *_attainments(summary, scenario)]


def _error_rate(summary: Summary, scenario: Scenario) -> Iterator[Miss]:
    rate, limit, tally = summary.overall.error_rate, scenario.max_error_rate, summary.overall.window
    if rate is None:
        yield Miss(
            None,
            "error_rate",
            None,
            limit,
            f"error rate: no request was due in the window, so nothing shows that {limit:.2%} is kept",
        )
    elif rate > limit:
        bad = tally.scheduled - tally.answered
        counts = f"{bad} of {tally.scheduled} requests did not end well"
        sentence = f"error rate {rate:.2%} is above {limit:.2%}: {counts}"
        yield Miss(None, "error_rate", rate, limit, sentence)


def _attainments(summary: Summary, scenario: Scenario) -> Iterator[Miss]:
    parts = {part.traffic_class: part for part in summary.classes}
    for traffic in scenario.classes:
        if traffic.slo is None:
            continue
        target, slo = traffic.slo.attainment, parts[traffic.name].slo
        if slo is None or slo.attainment is None:
            sentence = f"{traffic.name}: no request was due in the window, so no SLO is shown to be met"
            yield Miss(traffic.name, "attainment", None, target, sentence)
        elif slo.attainment < target:
            sentence = f"{traffic.name}: attainment {slo.attainment:.2%} is below {target:.2%}: {_why(slo)}"
            yield Miss(traffic.name, "attainment", slo.attainment, target, sentence)


def _why(slo: SloResult) -> str:
    broken = [
        f"{count} above {metric} {slo.limits_ms[metric]:g} ms"
        for metric, count in slo.missed.items()
        if count
    ]
    ill = [f"{slo.not_ok} not ok"] if slo.not_ok else []
    return f"of {slo.offered} requests {', '.join(broken + ill)}"
