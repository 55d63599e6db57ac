"""Runs against real servers: books that balance, and the token counts that the servers themselves sent."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.commands.cli import bench
from tests.targets.relay import relayed

WHEN = "duration_s: 8\ndrain_s: 30\narrivals: {process: poisson, rate_per_s: 4}\n"

SIE = """
  - {name: dense, operation: encode, model: fake-all, batch_size: 3, input_tokens: 40}
  - {name: sparse, operation: encode, model: fake-all, input_tokens: 30, output_types: [sparse, multivector]}
  - {name: json, operation: encode, model: fake-all, input_tokens: 30, wire: json}
  - {name: score, operation: score, model: fake-all, documents: 4, input_tokens: 40}
  - {name: extract, operation: extract, model: fake-all, labels: [person, place], input_tokens: 30}
  - {name: generate, operation: generate, model: fake-all, input_tokens: 40, output_tokens: 8}
  - {name: whole, operation: generate, stream: false, model: fake-all, input_tokens: 40, output_tokens: 8}
"""

CHAT = """
  - {name: stream, operation: chat, model: MODEL,
     input_tokens: {distribution: lognormal, median: 40, sigma: 0.5},
     output_tokens: {distribution: lognormal, median: 20, sigma: 0.5, max: 60}}
  - {name: whole, operation: chat, stream: false, model: MODEL, input_tokens: 40, output_tokens: 12}
"""

TARGETS = {
    "sie-server, encode and score and the rest": ("sie", "http://127.0.0.1:18085", SIE),
    "transformers: usage on the last chunk, no [DONE]": (
        *("openai", "http://127.0.0.1:18091"),
        CHAT.replace("MODEL", "hf-llama"),
    ),
    "llama.cpp: usage on its own chunk, closes after each stream": (
        *("openai", "http://127.0.0.1:18092"),
        CHAT.replace("MODEL", "tiny"),
    ),
    "guidellm's mock: usage on its own chunk, keeps the connection": (
        *("openai", "http://127.0.0.1:18095"),
        CHAT.replace("MODEL", "mock"),
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_real_server_is_counted_as_it_counts_itself(name: str, tmp_path: Path) -> None:
    """Every request is ok, the books balance, and tokens and items are those of the bytes on the wire."""
    kind, url, classes = TARGETS[name]
    scenario = tmp_path / "real.yaml"
    with relayed(url) as (through, relay):
        scenario.write_text(
            f"name: real\n{WHEN}target: {{kind: {kind}, url: '{through}'}}\nclasses:{classes}"
        )
        said = bench("run", scenario, "--out", "run", cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    books = json.loads((tmp_path / "run" / "run.json").read_text())["books"]
    rows = pq.read_table(tmp_path / "run" / "requests.parquet").to_pylist()
    assert books["scheduled"] == books["outcomes"]["ok"] == len(rows) > 15
    seen = {reply.index: reply for reply in relay.seen()}
    assert seen.keys() == {row["index"] for row in rows}
    for row in rows:
        reply = seen[row["index"]]
        assert (row["in_tokens"], row["out_tokens"]) == (reply.in_tokens, reply.out_tokens)
        assert reply.items in {row["items_returned"], None}
    told = sum(reply.out_tokens or 0 for reply in seen.values())
    print(f"\n{name}: {len(rows)} requests ok, {told} output tokens as the server counts them")
