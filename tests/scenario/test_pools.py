"""The pools of a scenario."""

from pathlib import Path

import pytest

from bench.scenario import load
from tests.scenario.files import VALID, said, write

POOL = "pools=[{name: lab, gpus: {l4: 1}}]"


def test_a_pool_has_a_default_for_all_but_its_name_and_its_workers(tmp_path: Path) -> None:
    """Waiting for workers is what most runs want."""
    (pool,) = load(write(tmp_path, VALID), [POOL]).pools
    assert (pool.name, dict(pool.gpus), pool.wait_s, pool.ttl_s) == ("lab", {"l4": 1}, 30.0, None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("pools=[{name: lab}]", "pool 'lab' asks for no workers: give gpus or gpu_caps"),
        ("pools=[{name: a b, gpus: {l4: 1}}]", 'pools[0].name: "a b" is refused'),
        ("pools=[{name: lab, gpus: {l4: -1}}]", "pools[0].gpus.l4: -1 is refused"),
        ("pools=[{name: lab, gpus: {l4: 1}, wait: 3}]", "did you mean 'wait_s'"),
    ],
)
def test_a_pool_asks_for_something(change: str, sentence: str, tmp_path: Path) -> None:
    """What no gateway would make is a fault before the run."""
    assert any(sentence in line for line in said(write(tmp_path, VALID), change))


def test_two_pools_need_two_names(tmp_path: Path) -> None:
    """The second would replace the first."""
    twice = "pools=[{name: lab, gpus: {l4: 1}}, {name: lab, gpu_caps: {l4: 1}}]"
    assert "pool names must differ; repeated: lab" in said(write(tmp_path, VALID), twice)[0]


def test_an_openai_server_has_no_pools(tmp_path: Path) -> None:
    """They are the gateway's."""
    lines = said(write(tmp_path, VALID), POOL, "target.kind=openai")
    assert any("target kind openai has no pools" in line for line in lines)
