"""Pools that a run makes: there while it lasts, gone when it ends, however it ends."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, Drive, counts, drive, prepared, requests_of

LATER = (*FLEET, "--dialect", "0.10")
MADE = "pools=[{name: lab, gpus: {a100-40gb: 1}, ttl_s: 3, wait_s: 10}]"
PINNED = "classes.chat.pool=lab"


def pools(url: str) -> dict[str, Any]:
    """The pools that the gateway knows, by name, but for the default one."""
    listed = httpx.get(f"{url}/v1/pools").json()["pools"]
    return {pool["spec"]["name"]: pool for pool in listed if pool["spec"]["name"] != "default"}


def test_a_pool_serves_its_run_and_is_renewed_and_deleted(sim: Sim, tmp_path: Path) -> None:
    """A lease of 3 s lasts through a run of 6 s, every request is served, and then the pool is gone."""
    url = sim(*LATER)
    run = Drive(prepared(tmp_path, url, SCENARIO, MADE, PINNED, "duration_s=6"))
    run.until_sent(5)
    first = pools(url)["lab"]["status"]["last_renewed"]
    run.until_sent(50)
    assert pools(url)["lab"]["status"]["last_renewed"] >= first + 1
    code, _, err = run.end()
    assert (code, err) == (0, "")
    assert counts(requests_of(run.folder)) == {"ok": 60}
    assert pools(url) == {}
    target = run.folder.info().target
    assert target is not None
    assert target.pools == {"lab": {"a100-40gb": 2}}


@pytest.mark.parametrize("interrupts", [1, 2])
def test_ctrl_c_deletes_the_pool(interrupts: int, sim: Sim, tmp_path: Path) -> None:
    """Once or twice: the pool is gone when the drive is."""
    url = sim(*LATER)
    changes = (MADE, PINNED, "duration_s=60", "classes.chat.output_tokens=2000", "drain_s=2")
    run = Drive(prepared(tmp_path, url, SCENARIO, *changes))
    run.until_sent(10)
    for _ in range(interrupts):
        run.interrupt()
    code, out, err = run.end()
    assert (code, err) == (130, "")
    assert "pool lab deleted" in out
    assert pools(url) == {}


def test_a_pool_is_deleted_when_the_run_cannot_start_after_all(sim: Sim, tmp_path: Path) -> None:
    """Preflight's request to a pool that nobody made is refused, and the pool that was made goes."""
    url = sim(*LATER)
    run = Drive(prepared(tmp_path, url, SCENARIO, MADE, "classes.chat.pool=nobody"))
    code, out, err = run.end()
    assert "pool lab made" in out
    assert code == 2
    assert "class chat: preflight's request was answered 404" in err
    assert pools(url) == {}


def test_a_pool_that_gets_no_workers_stops_the_run_with_a_sentence(sim: Sim, tmp_path: Path) -> None:
    """At 0.4 only workers deployed under its name join a pool; wait_s: 0 starts all the same."""
    url = sim(*FLEET)
    made = MADE.replace("ttl_s: 3, wait_s: 10", "wait_s: 1")
    code, _, err = Drive(prepared(tmp_path / "waits", url, SCENARIO, made, PINNED)).end()
    assert code == 2
    assert "pool lab has no workers 1 s after it was made" in err
    assert "wait_s" in err
    cold = made.replace("wait_s: 1", "wait_s: 0")
    frame = drive(prepared(tmp_path / "cold", url, SCENARIO, cold, PINNED, "duration_s=1"))
    assert set(frame["outcome"]) == {"refused"}
    assert pools(url) == {}


def test_a_pool_that_was_there_is_used_and_left(sim: Sim, tmp_path: Path) -> None:
    """One with the same specification; one with another is an error, and stays as it is."""
    url = sim(*LATER)
    httpx.post(f"{url}/v1/pools", json={"name": "lab", "gpus": {"a100-40gb": 1}, "ttl_seconds": 60})
    drive(prepared(tmp_path / "same", url, SCENARIO, MADE.replace("3", "60"), PINNED, "duration_s=1"))
    assert list(pools(url)) == ["lab"]
    other = MADE.replace("a100-40gb: 1", "a100-40gb: 2")
    code, _, err = Drive(prepared(tmp_path / "other", url, SCENARIO, other, PINNED)).end()
    assert code == 2
    assert "pool lab is there already, and not as the scenario has it" in err
    assert list(pools(url)) == ["lab"]


def test_a_pool_of_somebody_else_without_workers_is_named(sim: Sim, tmp_path: Path) -> None:
    """The line says which class, which pool, and what to do."""
    url = sim(*FLEET)
    httpx.post(f"{url}/v1/pools", json={"name": "lab", "gpus": {"a100-40gb": 1}})
    code, _, err = Drive(prepared(tmp_path, url, SCENARIO, PINNED)).end()
    assert code == 2
    assert "class chat: pool lab has no workers (it is pending)" in err
