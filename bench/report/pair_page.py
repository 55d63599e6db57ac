"""The pieces of a report of pairs that are not figures: headline, tables, what was compared."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analyze import Check
from bench.analyze.gate import ARMS, Arm, Evidence, GateReport, NoiseReport, Policy
from bench.report import page, pair_say, words
from bench.report.facts import Fact
from bench.report.page import Html
from bench.report.table import Grid

MOODS = {"PASS": "good", "FAIL": "bad", "INCONCLUSIVE": "open", "INVALID": "bad"}


def gate_headline(report: GateReport, evidence: Sequence[Evidence]) -> Html:
    """The verdict in words, what was compared, and what else must be known."""
    mood = MOODS[report.verdict]
    told = [page.note(sentence, mood) for sentence in pair_say.verdict(report)]
    return (
        page.title(f"{report.verdict}: {pair_say.HEADLINES[report.verdict]}")
        + _simulated(evidence)
        + page.stack(told)
        + page.listed([*_compared(evidence), *_gate_facts(report)])
    )


def noise_headline(report: NoiseReport, evidence: Sequence[Evidence]) -> Html:
    """Whether builds may be judged in this environment."""
    mood, word = ("good", "sound") if report.sound else ("bad", "not sound")
    reasons = report.reasons or (report.sentence,)
    return (
        page.title(f"The environment is {word}")
        + _simulated(evidence)
        + page.stack(page.note(_capital(reason), mood) for reason in reasons)
        + page.listed([*_compared(evidence), *_left_out(report)])
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _simulated(evidence: Sequence[Evidence]) -> Html:
    told = next(filter(None, (words.simulated(one.summary) for one in evidence)), None)
    return page.note(told, "simulated") if told else Html("")


def _compared(evidence: Sequence[Evidence]) -> Iterator[Fact]:
    """Scenario, and per arm who answered."""
    scenarios = Counter(one.summary.run.scenario for one in evidence)
    yield "scenario", ", ".join(scenarios) or "no run was made"
    for arm in ARMS:
        told = Counter(_target(one) for one in evidence if one.arm == arm)
        for target, count in told.items():
            yield arm, f"{target}, {count} runs"


def _target(one: Evidence) -> str:
    run = one.summary.run
    labels = " ".join(f"{key}={text}" for key, text in run.labels.items())
    return " ".join(filter(None, (run.target_kind, run.target_version, run.target_url, labels)))


def _gate_facts(report: GateReport) -> Iterator[Fact]:
    look = report.look
    used = f"look {look.number} at {len(look.pairs)} pairs" if look else "no look was taken"
    yield "pairs", f"{report.pairs_complete} complete; {used}"
    yield "exit code", str(report.exit_code)
    yield from (("limit", clause.sentence) for clause in report.slo)
    yield from (("left out", f"pair {one.pair}: {'; '.join(one.reasons)}") for one in report.left_out)
    yield from (("cold start", one.sentence) for one in report.starts)
    yield from (("note", note) for note in report.notes)
    yield "next", report.next_step


def _left_out(report: NoiseReport) -> Iterator[Fact]:
    yield "pairs", f"{len(report.pairs)} valid pairs of one build"
    yield "false alarms", pair_say.subsets(report)
    yield from (("left out", f"pair {one.pair}: {'; '.join(one.reasons)}") for one in report.left_out)


def validity(evidence: Sequence[Evidence]) -> Html:
    """How many runs each rule passed, with the worst that was found."""
    status = {
        name: [o for o in evidence if _worst(o.summary.validity) == name] for name in ("invalid", "warn")
    }
    named = {name: [_name(one) for one in found] for name, found in status.items()}
    rules = dict.fromkeys((check.rule, check.name) for one in evidence for check in one.summary.validity)
    rows = [_rule_row(rule, name, evidence) for rule, name in rules]
    headings = ("rule", "of", "the worst of it", "ok", "warn", "invalid", "not\ntold")
    table = page.grid(Grid("Validity of the runs, by rule", headings, 3, tuple(rows)))
    return page.note(pair_say.validity(len(evidence), named["invalid"], named["warn"])) + table


def _rule_row(rule: str, name: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    found = [(one, c) for one in evidence for c in one.summary.validity if (c.rule, c.name) == (rule, name)]
    counts = Counter(check.status for _, check in found)
    run, worst = max(found, key=lambda pair: _SEVERITY[pair[1].status])
    told = f"{_name(run)}: {worst.sentence}" if worst.status in {"warn", "invalid"} else ""
    return (
        rule,
        name,
        told,
        *(words.number(counts[status]) for status in ("ok", "warn", "invalid", "unknown")),
    )


_SEVERITY = {"unknown": 0, "ok": 1, "warn": 2, "invalid": 3}


def _worst(checks: Sequence[Check]) -> str:
    return max((check.status for check in checks), key=_SEVERITY.__getitem__, default="unknown")


def _name(one: Evidence) -> str:
    return f"pair {one.pair} {one.arm}"


def runs(evidence: Sequence[Evidence]) -> Html:
    """A row a run, in the order in which they were made."""
    headings = ("pair", "arm", "fit", "requests", "window\ns", "errors\n%", "output\ntokens", "TTFT p50\nms",
                "TPOT p50\nms", "E2E p50\nms", "send lag\np99 ms", "seed")  # fmt: skip
    rows = tuple(_run_row(one) for one in sorted(evidence, key=lambda one: one.place))
    return page.grid(Grid("The runs, in the order in which they were made", headings, 3, rows))


def _run_row(one: Evidence) -> tuple[str, ...]:
    part = one.summary.overall
    levels = ((metric, "p50") for metric in ("ttft", "tpot", "e2e"))
    return (
        str(one.pair),
        one.arm,
        {"invalid": "no", "warn": "with a warning"}.get(_worst(one.summary.validity), "yes"),
        words.number(part.window.scheduled),
        f"{one.summary.window.length_s:g}",
        words.share(part.error_rate),
        words.number(part.lengths.got_out),
        *(
            words.milliseconds(part.latencies[metric].level(level))
            for metric, level in (*levels, ("send_lag", "p99"))
        ),
        str(one.info.scenario.get("seeds", {}).get("arrivals", "")),
    )


def made_with(policy: Policy, evidence: Sequence[Evidence]) -> Html:
    """The policy, the host, the versions: what it takes to make it again."""
    hosts = Counter(str(one.info.host.get("node", "")) for one in evidence)
    versions = dict.fromkeys(f"{name} {text}" for one in evidence for name, text in one.info.versions.items())
    facts: list[Fact] = [
        ("looks", f"{', '.join(map(str, policy.looks))} pairs; alpha {policy.alpha:g} over all of them"),
        ("metrics", ", ".join(f"{m.name} {100 * m.margin:g}% ({m.role})" for m in policy.metrics)),
        ("limits", ", ".join(clause.name for clause in policy.slo) or "none"),
        ("confirmed rate", "unknown" if (r := policy.confirmed_rate_per_s) is None else f"{r:g} requests/s"),
        ("window", f"{policy.min_window_s:g} s or longer"),
        ("invalid pairs", f"{policy.most_invalid_pairs} may be left out"),
        ("load from", ", ".join(filter(None, hosts)) or "not told"),
        ("versions", ", ".join(versions) or "not told"),
    ]
    return page.listed(facts)


def arms_of(evidence: Sequence[Evidence], pairs: Sequence[int]) -> list[bool]:
    """For each pair whether its baseline ran first."""
    places: dict[tuple[int, Arm], int] = {(one.pair, one.arm): one.place for one in evidence}
    return [places.get((pair, "baseline"), 0) < places.get((pair, "candidate"), 1) for pair in pairs]
