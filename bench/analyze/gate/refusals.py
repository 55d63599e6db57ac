"""What makes a set of runs no experiment: each reason a sentence. No data is never a pass."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from bench.analyze.gate.policy import Policy
from bench.analyze.gate.table import ARMS, RunRow

LOAD_NOTE = 0.7
LOAD_LIMIT = 0.85

Pair = tuple[RunRow, RunRow]
Pairs = Mapping[int, Pair]


def complete_pairs(rows: Iterable[RunRow]) -> dict[int, Pair]:
    """Baseline and candidate of each pair that has one of each, by its number."""
    by_key = {(row.pair, row.arm): row for row in rows}
    numbers = sorted({pair for pair, _ in by_key})
    return {
        n: (by_key[n, "baseline"], by_key[n, "candidate"])
        for n in numbers
        if all((n, arm) in by_key for arm in ARMS)
    }


def refusals(policy: Policy, rows: Sequence[RunRow]) -> list[str]:
    """Every reason why these runs can have no verdict."""
    if not rows:
        return ["there is no run: nothing was measured"]
    pairs = complete_pairs(rows)
    few = [f"{len(pairs)} complete pairs are too few: the first look is at {policy.looks[0]}"]
    return [*unmendable(policy, rows), *(few if len(pairs) < policy.looks[0] else [])]


def unmendable(policy: Policy, rows: Sequence[RunRow]) -> list[str]:
    """The reasons that more runs would not take away."""
    pairs = complete_pairs(rows)
    broken = invalid_pairs(pairs)
    return [
        *_missing(rows, pairs),
        *_twice(rows),
        *_exchanged(rows),
        *_different_workloads(pairs),
        *_different_machines(rows, pairs),
        *too_short(policy, rows),
        *too_much_load(policy, rows),
        *_other_lengths(policy, pairs),
        *([one for why in broken.values() for one in why] if len(broken) > policy.most_invalid_pairs else []),
    ]


def invalid_pairs(pairs: Pairs) -> dict[int, tuple[str, ...]]:
    """Pairs with a run that may not enter a gate, and why."""
    found = {
        n: tuple(f"{row.arm} run {row.folder}: {fault}" for row in pair for fault in row.faults)
        for n, pair in pairs.items()
    }
    return {n: reasons for n, reasons in found.items() if reasons}


def notes(policy: Policy, rows: Sequence[RunRow]) -> Iterator[str]:
    """What is no reason to refuse, and yet should be known."""
    pairs = complete_pairs(rows)
    load = load_of(policy, rows)
    if load is None:
        yield "load relative to capacity unknown: the policy has no confirmed_rate_per_s"
    elif load > LOAD_NOTE:
        yield f"planned at {load:.0%} of the confirmed rate; above {LOAD_NOTE:.0%} noise grows fast"
    shortest_s = min(row.window_s for row in rows)
    yield f"every window is {shortest_s:g} s or longer; the policy asks for {policy.min_window_s:g} s"
    if _same_build(rows):
        yield (
            "baseline and candidate answered at the same URL with the same version: nothing shows that they "
            "are two builds"
        )
    hashes = Counter(base.workload for base, _ in pairs.values())
    if any(count > 1 for count in hashes.values()):
        yield "several pairs sent the very same requests: new seeds for each pair show more of the noise"


def load_of(policy: Policy, rows: Sequence[RunRow]) -> float | None:
    """The planned rate over the confirmed one; None where either is unknown."""
    rates = [row.rate_per_s for row in rows if row.rate_per_s is not None]
    if policy.confirmed_rate_per_s is None or not rates:
        return None
    return max(rates) / policy.confirmed_rate_per_s


def _same_build(rows: Sequence[RunRow]) -> bool:
    told = [{(row.target, row.version) for row in rows if row.arm == arm and row.target} for arm in ARMS]
    return bool(told[0]) and told[0] == told[1]


def _missing(rows: Sequence[RunRow], pairs: Pairs) -> Iterator[str]:
    counts = Counter((row.pair, row.arm) for row in rows)
    for (pair, arm), count in sorted(counts.items()):
        if count > 1:
            yield f"pair {pair} has {count} {arm} runs; it must have one"
    last = max(pairs, default=0)
    for pair in range(1, last + 1):
        for arm in ARMS:
            if not counts[pair, arm]:
                yield f"pair {pair} has no {arm} run"


def _twice(rows: Sequence[RunRow]) -> Iterator[str]:
    """A run that stands in two places has no noise against itself."""
    places: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        places[row.run_id or row.folder].append(row.folder)
    for folders in places.values():
        if len(folders) > 1:
            yield f"{' and '.join(folders)} are the same run, which counts once"


def _exchanged(rows: Sequence[RunRow]) -> Iterator[str]:
    """Runs that are no runs of the arm that experiment.json puts them in."""
    for row in rows:
        where = next((where for where, arm in row.says if arm != row.arm), None)
        if where:
            yield (
                f"pair {row.pair}: {row.folder} is no {row.arm} run, as experiment.json has it: {where} "
                "names the other arm; put back what was exchanged"
            )
    for arm in ARMS:
        aims = sorted({row.aim for row in rows if row.arm == arm})
        if len(aims) > 1:
            yield f"the runs of the {arm} were aimed at different things: {' and '.join(aims)}"


def _different_workloads(pairs: Pairs) -> Iterator[str]:
    for n, (base, candidate) in pairs.items():
        if base.workload is None or base.workload != candidate.workload:
            both = f"{base.folder} and {candidate.folder}"
            yield f"pair {n} compares different workloads: the schedules of {both} differ"
    if len({row.scenario for pair in pairs.values() for row in pair}) > 1:
        yield "the pairs replay different scenarios, seeds and target aside"


def _different_machines(rows: Sequence[RunRow], pairs: Pairs) -> Iterator[str]:
    hosts = sorted({row.host for row in rows})
    if len(hosts) > 1:
        yield f"the load came from different machines: {', '.join(hosts)}"
    targets = sorted({row.unreal or "real" for row in rows})
    if len(targets) > 1:
        yield f"the targets are of different kinds: {' and '.join(targets)}"
    for arm in ARMS:
        versions = sorted({row.version for row in rows if row.arm == arm})
        if len(versions) > 1:
            yield f"the {arm} changed between runs: versions {', '.join(versions)}"
    for n, (base, candidate) in pairs.items():
        if base.fleet and candidate.fleet and dict(base.fleet) != dict(candidate.fleet):
            fleets = " and ".join(_fleet(row.fleet) for row in (base, candidate))
            yield f"pair {n} ran on different fleets: {fleets}"


def _fleet(fleet: Mapping[str, int]) -> str:
    return ",".join(f"{profile}={count}" for profile, count in sorted(fleet.items()))


def too_short(policy: Policy, rows: Sequence[RunRow]) -> Iterator[str]:
    """Whether a window is shorter than the policy asks for."""
    short = min(rows, key=lambda row: row.window_s)
    if short.window_s < policy.min_window_s:
        yield (
            f"the window of {short.folder} is {short.window_s:g} s, below min_window_s "
            f"{policy.min_window_s:g}: make duration_s longer, or say in the policy that less will do"
        )


def too_much_load(policy: Policy, rows: Sequence[RunRow]) -> Iterator[str]:
    """Whether the planned rate is too near the confirmed one."""
    load = load_of(policy, rows)
    if load is not None and load > LOAD_LIMIT:
        yield (
            f"planned at {load:.0%} of the confirmed rate: above {LOAD_LIMIT:.0%} no affordable number of "
            "pairs resolves a latency; lower the rate"
        )


def _other_lengths(policy: Policy, pairs: Pairs) -> Iterator[str]:
    told = [(b.out_tokens, c.out_tokens) for b, c in pairs.values() if b.out_tokens and c.out_tokens]
    if told:
        change = float(np.exp(np.mean([np.log(c / b) for b, c in told]))) - 1
        if abs(change) > policy.max_length_change:
            how = "longer" if change > 0 else "shorter"
            yield (
                f"the candidate's answers are {abs(change):.1%} {how} (limit "
                f"{policy.max_length_change:.0%}): latency and throughput of other answers do not compare"
            )
    sources = {(b.tokens_source, c.tokens_source) for b, c in pairs.values()}
    if any(b != c for b, c in sources):
        yield "tokens are counted by other means in the two arms, so what rests on them does not compare"
