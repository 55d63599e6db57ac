"""Runs that cannot be fitted are refused with a sentence that says why and what to do."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.record import FolderError, Outcome, RunFolder, TargetSaid
from bench.sim.model import SHIPPED
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.fit import fit
from bench.virtual.fit.observe import observe
from tests.analyze.runs import MS, S, Streamed, lost, streamed, write_run
from tests.virtual.fits import BOTH, QWEN


def chats(count: int, out_tokens: int | None = 30, **facts: Any) -> list[Streamed]:
    """Answered streams of a model that the model knows, a second apart."""
    events = [200 * MS, 300 * MS, 900 * MS]
    return [
        streamed(number, number * S, events, out_tokens, **({"model": QWEN} | facts))
        for number in range(count)
    ]


def run(tmp_path: Path, rows: Sequence[Streamed], live: dict[str, int], *later: dict[str, int]) -> RunFolder:
    """A run whose gateway told of these workers, first and then each second."""
    target = TargetSaid(kind="sie", url="", live_workers=live)
    health = [{"t_ns": second * S, "live": counts} for second, counts in enumerate(later)]
    return write_run(tmp_path / "run", rows, health=health, target=target)


@pytest.mark.parametrize(
    ("rows", "live", "says"),
    [
        (chats(20, None), [{"l4": 1}], "output tokens of requests to Qwen/Qwen3-4B were not counted.*usage"),
        (
            chats(9) + chats(20, profile="a100-40gb")[9:],
            [{"l4": 1, "a100-40gb": 1}],
            "fit one at a time with --profile",
        ),
        (chats(20), [{"l4": 1}, {"l4": 1}, {"l4": 2}], "l4 had from 1 to 2 workers with Qwen/Qwen3-4B"),
        (chats(20), [{"h100": 1, "a100-40gb": 1}], "asked for l4 while a100-40gb, h100 were alive"),
        (chats(20), [{"box": 1}], "machine profile 'box' is unknown; known: l4, .*--profile-file"),
        (
            chats(20, model="BAAI/bge-reranker-v2-m3", operation="score"),
            [{"l4": 1}],
            "does not say how many documents the requests of class chat ranked",
        ),
        (chats(20, model="my/model"), [{"l4": 1}], "model 'my/model' has no card"),
        (
            chats(20, profile=None),
            [{}],
            "does not say which machine served it; name its profile with --profile",
        ),
        (chats(20), [{}], "does not say how many workers served it; tell with --workers"),
        (
            chats(20) + [lost(20 + n, n * S, Outcome.TIMED_OUT, model=QWEN) for n in range(2)],
            [{"l4": 1}],
            "2 of 22 requests to l4 did not end well.*lower rate",
        ),
        (
            [lost(n, n * S, Outcome.REFUSED) for n in range(3)],
            [{"l4": 1}],
            "not one of its 3 requests was served",
        ),
    ],
)
def test_a_run_that_cannot_be_fitted_is_refused(
    tmp_path: Path, rows: Sequence[Streamed], live: list[dict[str, int]], says: str
) -> None:
    """Each names the folder."""
    folder = run(tmp_path, rows, *live)
    with pytest.raises(FitError, match=says) as refusal:
        observe(folder, SHIPPED)
    assert str(folder.path) in str(refusal.value)


def test_a_profile_may_be_chosen_from_a_run_of_several(tmp_path: Path) -> None:
    """Then only its own requests count, with its own workers."""
    rows = chats(9) + chats(20, profile="a100-40gb")[9:]
    told = observe(run(tmp_path, rows, {"l4": 1, "a100-40gb": 2}), SHIPPED, "a100-40gb")
    assert (len(told.jobs), told.profile, told.workers) == (11, "a100-40gb", {"sglang": 2})


def test_a_server_without_a_gateway_is_what_the_caller_says(tmp_path: Path) -> None:
    """Nobody told of machines, so profile and workers are given."""
    told = observe(run(tmp_path, chats(20, profile=None), {}), SHIPPED, "a100-80gb", 1)
    assert (len(told.jobs), told.profile, told.workers) == (20, "a100-80gb", {"sglang": 1})


def test_no_run_folder_is_said_to_be_none(tmp_path: Path) -> None:
    """As for every other command."""
    with pytest.raises(FolderError, match="is no run folder"):
        observe(RunFolder(tmp_path), SHIPPED)


def test_runs_of_two_machines_are_not_one_fit(tmp_path: Path) -> None:
    """A fit is of one profile."""
    first = observe(run(tmp_path / "1", chats(20), {"l4": 1}), SHIPPED)
    second = observe(run(tmp_path / "2", chats(20, profile="a100-40gb"), {"a100-40gb": 1}), SHIPPED)
    with pytest.raises(FitError, match=r"a100-40gb, l4; a fit is of one machine profile"):
        fit([first, second], [], SHIPPED, BOTH)


def test_a_request_that_would_not_fit_into_memory_is_named(tmp_path: Path) -> None:
    """It was answered, so profile or card are not those of that machine."""
    folder = run(tmp_path, chats(20, in_tokens=900_000), {"l4": 1})
    with pytest.raises(FitError, match=re.escape("finds no room on l4, yet it was answered")):
        fit([observe(folder, SHIPPED)], [], SHIPPED, BOTH)


def test_streams_that_flush_otherwise_than_the_profile_are_told(tmp_path: Path) -> None:
    """Thirty tokens in three events are not text that leaves every 50 ms."""
    rows = [
        streamed(number, number * S, [200 * MS, 201 * MS, 202 * MS], 900, model=QWEN) for number in range(20)
    ]
    _, found = fit([observe(run(tmp_path, rows, {"l4": 1}), SHIPPED)], [], SHIPPED, ("memory_efficiency",))
    assert "events held 300.0 tokens" in found.notes[0]
