"""A capacity search in words: what runs next, what it showed, what was found."""

from collections.abc import Iterator

from bench.experiment import Found, Made, Probe


def probe_line(profile: str, probe: Probe, number: int) -> str:
    """Before a run: which, at which rate, and the bracket so far."""
    if probe.rate_per_s is None:
        return f"{profile} run {number}: a burst of a closed loop, for the ceiling"
    bracket = f"bracket {probe.low:.4g} … {probe.high:.4g}/s" if probe.low and probe.high else ""
    return f"{profile} run {number}: {probe.stage} at {probe.rate_per_s:.4g}/s, try {probe.run}; {bracket}"


def tried_line(run: Made) -> str:
    """After a run: what it showed."""
    if run.stage == "ceiling":
        return f"  ceiling {run.rate_per_s:.4g}/s on {run.workers} live"
    counts = "" if run.valid else "; does NOT count: the generator's verdict is invalid"
    return f"  {run.what} of {run.offered:,} requests, on {run.workers} live{counts}"


def found_lines(profile: str, found: Found, workers: int) -> Iterator[str]:
    """What may be said of a profile, for the pool and for a replica."""
    yield f"{profile}: {found.sentence} ({found.runs} runs, {workers} live)"
    if found.confirmed_per_s is not None and workers > 1:
        yield f"  a replica: {found.confirmed_per_s / workers:.4g}/s"
