"""Profile files: what a user may add or change, and how mistakes are named."""

from pathlib import Path

import pytest

from bench.sim.model import SHIPPED, CatalogError, Fleet, Job, Lane, Verdict, load_catalog, parse_fleet
from tests.sim.process import Start

OWN = """\
profiles:
  l4: {compute_efficiency: 0.62}
  my-gpu:
    like: a100-80gb
    memory_bytes: 141.0e9
models:
  my/model:
    like: Qwen/Qwen3-4B
    layers: 40
    lora_adapters: [sql]
"""


def written(folder: Path, text: str) -> Path:
    """A profile file."""
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_changes_some_keys_and_adds_rows(tmp_path: Path) -> None:
    """A known name keeps what is not given, a new one takes the rest from the row that it is like."""
    catalog = load_catalog(written(tmp_path, OWN), SHIPPED)
    assert catalog.chips["l4"].compute_efficiency == 0.62
    assert catalog.chips["l4"].bandwidth_bytes_per_s == SHIPPED.chips["l4"].bandwidth_bytes_per_s
    assert (catalog.chips["my-gpu"].profile, catalog.chips["my-gpu"].memory_bytes) == ("my-gpu", 141e9)
    assert catalog.chips["my-gpu"].flops == SHIPPED.chips["a100-80gb"].flops
    card = catalog.cards["my/model"]
    assert (card.layers, card.hidden, card.lora_adapters) == (40, 2560, ("sql",))
    assert catalog.chips["l4-spot"] == SHIPPED.chips["l4-spot"]
    fleet = Fleet(parse_fleet("my-gpu=1", catalog), catalog=catalog)
    assert fleet.submit(0, Job(1, "my/model", Lane("default", "sglang", "my-gpu"), 9, 9)) is Verdict.LIVE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profiles: {l4: {flop: 1.0e12}}", ":1: key 'flop' is unknown here; did you mean 'flops'?"),
        (
            "profiles:\n  l4:\n    compute_efficiency: 1.2",
            ":3: compute_efficiency is 1.2, not a share above 0",
        ),
        ("profiles:\n  l4: {max_sequences: 0.5}", ":2: max_sequences is 0.5, not a whole number >= 1"),
        (
            "profiles:\n  l4: {max_sequences: 4096}",
            ":2: l4 has max_sequences 4096 above step_budget_tokens 2048",
        ),
        ("profiles:\n  l4: {step_overhead_s: -1}", ":2: step_overhead_s is -1, not seconds from 0 to 3600"),
        ("profiles:\n  l4: {prefix_cache: maybe}", ":2: prefix_cache is 'maybe', not true or false"),
        ("profiles:\n  new: {flops: 1.0e12}", ":2: new lacks bandwidth_bytes_per_s, memory_bytes"),
        (
            "profiles:\n  new: {like: a100-40g}",
            ":2: like is 'a100-40g', which is unknown; did you mean 'a100-40gb'",
        ),
        ("profiles: [l4]", ":1: profiles is ['l4'], not a map of names to keys"),
        ("profiles:\n  l4: 3", ":2: l4 is 3, not a map of keys"),
        (
            "models:\n  new: {like: BAAI/bge-m3, kind: embed}",
            ":2: kind is 'embed', not one of generate, encode",
        ),
        (
            "models:\n  new: {like: BAAI/bge-m3, outputs: dense}",
            ":2: outputs is 'dense', not a list of texts",
        ),
        ("model: {}", ":1: 'model' is unknown here; did you mean 'models'?"),
        ("- l4", ":1: a profile file is a map with profiles and models"),
        ("profiles: {", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    """File, line, value, and what would do."""
    path = written(tmp_path, text)
    with pytest.raises(CatalogError, match=r".") as caught:
        load_catalog(path, SHIPPED)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(CatalogError, match=r"cannot read profile file .*none\.yaml: No such file"):
        load_catalog(tmp_path / "none.yaml", SHIPPED)


def test_the_gateway_serves_profiles_and_models_of_a_file(start: Start, tmp_path: Path) -> None:
    """They are listed, found by fleet and headers, and answer."""
    path = written(tmp_path, OWN)
    running = start("--fleet", "my-gpu=1", "--profile-file", str(path), "--step-jitter", "0")
    assert "my/model" in [model["id"] for model in running.http.get("/v1/models").json()["data"]]
    assert running.http.get("/health").json()["workers"][0]["memory_total_bytes"] == 141_000_000_000
    body = {"model": "my/model", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
    reply = running.http.post("/v1/chat/completions", json=body, headers={"X-SIE-MACHINE-PROFILE": "my-gpu"})
    assert reply.status_code == 200
    assert reply.json()["usage"]["completion_tokens"] == 5


def test_with_affinity_an_equal_beginning_is_computed_once(start: Start) -> None:
    """By the model's clock the second of two equal long prompts has its first text in half of the time."""
    running = start("--fleet", "l4/sglang=2", "--affinity", "--step-jitter", "0")
    body = {"prompt": "all work and no play " * 1000, "max_new_tokens": 20}
    first_ms, second_ms = (
        running.http.post("/v1/generate/Qwen__Qwen3-4B", json=body).json()["ttft_ms"] for _ in range(2)
    )
    assert second_ms < first_ms / 2


def test_what_no_worker_has_memory_for_is_refused(start: Start, tmp_path: Path) -> None:
    """With the contract's signal for a full key-value cache."""
    path = written(tmp_path, "profiles: {l4: {memory_bytes: 11.0e9}}")
    running = start("--fleet", "l4=1", "--profile-file", str(path))
    body = {"model": "Qwen/Qwen3-4B", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4096}
    reply = running.http.post("/v1/chat/completions", json=body)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")
