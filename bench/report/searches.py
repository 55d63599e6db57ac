"""A capacity search for people: search.json, its tables, and what to say of it."""

from pathlib import Path

from bench.analyze import SEARCH_FILE, STEADY_S, RunPoint, Searched, SearchReport
from bench.record import replace
from bench.report import words
from bench.report.table import Grid

STAGES = {"ceiling": "ceiling", "bisect": "bisection", "confirm": "confirmation"}


def write_search(folder: Path, report: SearchReport) -> Path:
    """Leave search.json in the experiment's folder."""
    replace(folder / SEARCH_FILE, report.to_json())
    return folder / SEARCH_FILE


def short_window(window_s: float) -> str:
    """Why rates of such windows come out high; empty where they do not."""
    if window_s >= STEADY_S:
        return ""
    return (
        f"a window of {window_s:g} s is short: below {STEADY_S:g} s (or 20 times a request) queues have no "
        "time to build up, and the rate comes out high"
    )


def unreal(report: SearchReport) -> str | None:
    """What is not real, loudly; None for a real target."""
    if not report.simulated:
        return None
    return words.unreal("simulated, virtual time" if report.virtual else "simulated gateway")


def answer(found: Searched) -> str:
    """What may be said of a profile: of its pool, and of one replica."""
    pool = "one replica" if found.replicas == 1 else f"{found.replicas} replicas"
    if found.confirmed_per_s is not None and found.replicas > 1:
        pool += f"; one of them: {words.digits(found.confirmed_per_s / found.replicas)}/s"
    return f"{found.profile}: {found.sentence} ({pool})"


def curve_sentence(found: Searched, target: float) -> str:
    """What to see in the figure of a profile."""
    rests = (
        ""
        if found.confirmed_per_s is None
        else ("; what is confirmed rests on the squares on its own line, not on the fit")
    )
    near = " The second panel is the part around the target." if found.estimate_per_s else ""
    return (
        f"{answer(found)}. Each mark is a run: which share of its requests kept the SLO at its rate. The "
        "pool is at its limit where the grey line, fitted to all runs, crosses the target of "
        f"{target:.4g}{rests}.{near}"
    )


def answers_grid(report: SearchReport) -> Grid:
    """One row a profile."""
    headings = ("profile", "outcome", "replicas", "confirmed\n/s", "estimate\n/s", "refuted\nabove, /s",
                "one replica\nconfirmed /s", "runs")  # fmt: skip
    rows = [
        (
            one.profile,
            one.outcome,
            words.number(one.replicas),
            *(words.digits(rate) for rate in (one.confirmed_per_s, one.estimate_per_s, one.refuted_per_s)),
            words.digits(None if one.confirmed_per_s is None else one.confirmed_per_s / one.replicas),
            words.number(len(one.runs)),
        )
        for one in report.profiles
    ]
    return Grid("Rates of the pool, requests/s", headings, 2, tuple(rows))


def runs_grid(found: Searched) -> Grid:
    """One row a run, in the order in which they were made; its name is that of its folder."""
    headings = ("run", "stage", "rate\n/s", "of one\nreplica, /s", "requests", "attainment\n%", "worst of it",
                "live", "counts")  # fmt: skip
    return Grid(f"Runs on {found.profile}", headings, 1, tuple(_row(run, found) for run in found.runs))


def _row(run: RunPoint, found: Searched) -> tuple[str, ...]:
    ceiling = run.stage == "ceiling"
    return (
        run.folder,
        STAGES[run.stage],
        words.digits(run.rate_per_s),
        words.digits(run.rate_per_s / found.replicas),
        words.number(run.offered),
        words.NOTHING if ceiling else words.share(run.attainment),
        words.NOTHING if ceiling else run.what,
        words.number(run.workers),
        "yes" if run.valid else "NO",
    )
