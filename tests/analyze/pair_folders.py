"""Experiment folders with pairs of runs, as `bench ab` leaves them."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.analyze.gate import Policy, Watched
from bench.experiment import Experiment, pairs
from bench.record import replace
from tests.analyze.runs import MS, S, Streamed, scenario, streamed, write_run

POLICY = Policy(
    looks=(3, 5),
    min_window_s=40,
    metrics=(
        Watched(metric="ttft.p50", margin=0.05),
        Watched(metric="tpot.p50", margin=0.05),
        Watched(metric="ttft.p99", margin=0.10, role="watch"),
    ),
)


def write_experiment(
    path: Path,
    slower_tpot: float = 0.0,
    policy: Policy = POLICY,
    made: int = 3,
    out_tokens: int = 4,
    **candidate: Any,
) -> Experiment:
    """`made` pairs of a minute each.

    `slower_tpot`: a share; `out_tokens`: of the candidate's answers; `candidate` goes into its run.json.
    """
    planned = pairs(policy, ("target.url=http://127.0.0.1:1",), ("target.url=http://127.0.0.1:2",), seed=1)
    path.mkdir(parents=True)
    for job in planned.runs[: 2 * made]:
        is_candidate = job.arm == "candidate"
        slow = 1 + (slower_tpot if is_candidate else 0.0)
        info: dict[str, Any] = {
            "run_id": job.folder,
            "overrides": job.overrides,
            "labels": {"arm": job.arm},
            "schedule": {"hash": f"hash-{job.pair}"},
            "host": {"node": "here"},
        }
        plan = scenario(arrivals={"process": "constant", "rate_per_s": 6.0})
        facts = info | (candidate if is_candidate else {})
        write_run(
            path / job.folder,
            _answers(int(job.pair or 0), slow, is_candidate, out_tokens if is_candidate else 4),
            plan,
            **facts,
        )
    done = tuple(job.model_copy(update={"done": i < 2 * made}) for i, job in enumerate(planned.runs))
    experiment = planned.model_copy(update={"runs": done})
    replace(path / "experiment.json", experiment.model_dump_json(indent=2))
    return experiment


def _answers(pair: int, slow: float, is_candidate: bool, tokens: int) -> list[Streamed]:
    """Twin runs: the same draws in both arms, but for half a per cent of the run's own noise."""
    twin = np.random.default_rng(pair)
    ttft_ms = twin.lognormal(np.log(100), 0.3, 360)
    own = 1 + 0.005 * np.random.default_rng([pair, int(is_candidate)]).normal()
    gap_ns = round(20 * MS * slow * own)
    rows = []
    for i, first_ms in enumerate(ttft_ms):
        first_ns = round(first_ms * own * MS)
        rows.append(streamed(i, i * S // 6, [first_ns + gap * gap_ns for gap in range(4)], tokens))
    return rows
