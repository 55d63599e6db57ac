"""A gate's verdict for people and for CI: the terminal, gate.json, junit.xml, summary.md."""

import re
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Group, RenderableType
from rich.text import Text

from bench.analyze.gate import GateReport
from bench.record import replace
from bench.report import words
from bench.report.table import Grid, table

FILES = ("gate.json", "junit.xml", "summary.md")


def write_gate(folder: Path, report: GateReport) -> tuple[Path, ...]:
    """Leave gate.json, junit.xml and summary.md in the experiment's folder."""
    texts = (report.to_json(), _junit(report), _markdown(report))
    files = tuple(folder / name for name in FILES)
    for file, text in zip(files, texts, strict=True):
        replace(file, text)
    return files


def render_gate(report: GateReport) -> RenderableType:
    """The verdict, its reasons, a table of the metrics, limits and notes, in 100 columns."""
    lines = [report.sentence, *(f"  also: {reason}" for reason in report.reasons[1:])]
    lines += [told] if (told := words.unreal(report.simulated)) else []
    tail = [clause.sentence for clause in report.slo]
    tail += [f"left out: pair {one.pair}: {'; '.join(one.reasons)}" for one in report.left_out]
    tail += [f"cold start, {one.sentence}" for one in report.starts]
    tail += [f"note: {note}" for note in report.notes]
    tail += [f"next: {report.next_step}"]
    return Group(
        *map(Text, lines),
        Text(),
        Group(table(gate_grid(report)), Text(gate_legend(report)), Text()) if report.metrics else Text(),
        *map(Text, tail),
    )


def gate_grid(report: GateReport) -> Grid:
    """One row a metric."""
    headings = ("metric", "verdict", "baseline\nmedian", "candidate\nmedian", "worse by\n%",
                "from\n%", "to\n%", "margin\n%", "p\nHolm", "can see\n%", "pairs\nneeded")  # fmt: skip
    rows = [
        (
            metric.name + (" (watch)" if metric.role == "watch" else ""),
            metric.verdict.replace("_", " "),
            words.in_unit(metric.baseline, metric.unit),
            words.in_unit(metric.candidate, metric.unit),
            _change(metric.change),
            _change(metric.low),
            _change(metric.high),
            f"{100 * metric.margin:g}",
            "-" if metric.p_holm is None else f"{metric.p_holm:.3f}",
            _change(metric.visible_change).lstrip("+"),
            "-" if metric.pairs_needed is None else str(metric.pairs_needed),
        )
        for metric in report.metrics
    ]
    return Grid("Candidate against baseline", headings, 1, tuple(rows))


def gate_legend(report: GateReport) -> str:
    """How to read the table."""
    pairs = f"{len(report.look.pairs)} pairs, " if report.look else ""
    return (
        f"{pairs}positive is worse; shares in points. `can see`: the true change that this design FAILs nine "
        "times of ten; `pairs needed`: to tell the margin from nothing at this spread (- : more than 200)"
    )


def _change(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:+.2f}"


def _markdown(report: GateReport) -> str:
    grid = gate_grid(report)
    cells = [
        [heading.replace("\n", " ") for heading in grid.headings],
        ["---"] * len(grid.headings),
        *grid.rows,
    ]
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in cells] if report.metrics else []
    parts = [
        f"## Gate: {report.verdict}",
        f"**{told}**" if (told := words.unreal(report.simulated)) else "",
        _cell(report.sentence),
        "\n".join(f"- {_cell(reason)}" for reason in report.reasons[1:]),
        "\n".join(lines),
        gate_legend(report) if report.metrics else "",
        "\n".join(f"- {_cell(clause.sentence)}" for clause in report.slo),
        "\n".join(f"- left out: pair {one.pair}: {_cell('; '.join(one.reasons))}" for one in report.left_out),
        "\n".join(f"- cold start, {_cell(one.sentence)}" for one in report.starts),
        "\n".join(f"- {_cell(note)}" for note in report.notes),
        f"Next: {report.next_step}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(text: str) -> str:
    """Names come from scenarios: nothing in them may end a cell or a line."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _junit(report: GateReport) -> str:
    """A test case for the gate, for each metric and for each limit."""
    suite = ElementTree.Element("testsuite", name="bench gate")
    _case(suite, "verdict", report.verdict, report.sentence, report.exit_code)
    for metric in report.metrics:
        watched = metric.role == "watch" or metric.verdict == "NOT_APPLICABLE"
        _case(suite, metric.name, "SKIPPED" if watched else metric.verdict, metric.sentence, report.exit_code)
    for clause in report.slo:
        _case(suite, clause.name, _LIKE[clause.verdict], clause.sentence, report.exit_code)
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


_LIKE: dict[str, str] = {"KEPT": "PASS", "REFUTED": "FAIL", "OPEN": "INCONCLUSIVE"}


def _case(suite: ElementTree.Element, name: str, word: str, sentence: str, exit_code: int) -> None:
    """FAIL is a failure; what could not be decided is an error, or skipped where the gate lets it pass."""
    case = ElementTree.SubElement(suite, "testcase", classname="bench.gate", name=_printable(name))
    if word == "PASS":
        return
    undecided = "skipped" if exit_code == 0 else "error"
    tag = {"FAIL": "failure", "SKIPPED": "skipped"}.get(word, undecided)
    ElementTree.SubElement(case, tag, message=_printable(sentence))


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
