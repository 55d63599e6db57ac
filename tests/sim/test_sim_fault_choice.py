"""Which requests a fault meets: by number, by share, by instant, by operation, model, pool and profile."""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sim.fault_kinds import CHECKS, KINDS
from bench.sim.faults import FaultPlanError, load_fault_plan
from bench.sim.signals import SIGNALS
from tests.sim.process import Faulty, Running
from tests.sim.wire import (
    CHAT,
    COMPLETIONS,
    ENCODE,
    GENERATE,
    ITEMS,
    PAIRS,
    PROMPT,
    SCORE,
    mistakes_of,
    streamed,
    trace,
)

LORA = "fault: refuse, signal: LORA_LOADING"


def statuses(running: Running, requests: int, path: str = ENCODE) -> list[int]:
    """The statuses of so many equal requests, one after another."""
    asked = {ENCODE: ITEMS, SCORE: PAIRS, GENERATE: PROMPT, COMPLETIONS: CHAT}[path]
    return [running.http.post(path, json=asked).status_code for _ in range(requests)]


def test_by_number(faulty: Faulty) -> None:
    """Numbers count the requests that fit, from 1; `every` goes on until `count` is reached."""
    running = faulty(
        f"- {{{LORA}, operation: encode, requests: [2, 5]}}\n"
        f"- {{{LORA}, operation: score, every: 2, count: 2}}\n"
    )
    assert [n + 1 for n, status in enumerate(statuses(running, 6)) if status == 503] == [2, 5]
    assert [n + 1 for n, status in enumerate(statuses(running, 8, SCORE)) if status == 503] == [2, 4]


def test_a_share_is_drawn_from_the_seed(faulty: Faulty) -> None:
    """The same seed meets the same requests, another seed others, and about as many as were asked for."""
    plan = f"- {{{LORA}, operation: encode, share: 0.3}}\n"
    runs = [statuses(faulty(plan, "--seed", seed), 100) for seed in ("1", "1", "2")]
    assert runs[0] == runs[1] != runs[2]
    assert 15 <= runs[0].count(503) <= 45


def test_for_a_while(faulty: Faulty) -> None:
    """Between at_s and at_s + duration_s every request is met, before and after none."""
    running = faulty(f"- {{{LORA}, operation: any, at_s: 0, duration_s: 1}}\n")
    assert statuses(running, 2) == [200, 200]
    assert running.http.post(SCORE, json=PAIRS, headers=trace(1)).status_code == 200
    assert statuses(running, 3) == [503] * 3
    time.sleep(1)
    assert statuses(running, 2) == [200, 200]


def test_by_model_pool_and_profile(faulty: Faulty) -> None:
    """The profile is the one that was asked for, the pool the one whose workers serve."""
    running = faulty(
        f"- {{{LORA}, operation: any, model: Qwen/Qwen3-0.6B, count: 9}}\n"
        f"- {{{LORA}, operation: any, profile: a100-40gb, count: 9}}\n"
        f"- {{{LORA}, operation: any, pool: lab, count: 9}}\n",
        "--fleet",
        "l4=1,a100-40gb=1,lab:l4=1",
    )
    assert statuses(running, 1, COMPLETIONS) == statuses(running, 1, GENERATE) == [503]
    asked = [({}, 200), ({"X-SIE-MACHINE-PROFILE": "l4"}, 200), ({"X-SIE-MACHINE-PROFILE": "A100-40GB"}, 503)]
    for headers, status in (*asked, ({"X-SIE-Pool": "lab"}, 503)):
        assert running.http.post(ENCODE, json=ITEMS, headers=headers).status_code == status


def test_kinds_add_up(faulty: Faulty) -> None:
    """A request is met by the first fault of each kind; stream kinds leave whole replies alone."""
    http = faulty(
        "- {fault: no_done, operation: any}\n"
        "- {fault: stream_cut, operation: generate, after_events: 2}\n"
        "- {fault: close, operation: any}\n"
    ).http
    assert http.post(COMPLETIONS, json=CHAT).headers["connection"] == "close"
    assert len(streamed(http, GENERATE)) == 2
    assert streamed(http, GENERATE)[-1] == "data: [DONE]"


WORDS = st.sampled_from(["fault", "when", *CHECKS])
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10),
    st.floats(allow_nan=False),
    st.sampled_from([*KINDS, *SIGNALS, "any", "chat", "none", "BAAI/bge-m3", ""]),
    st.lists(st.integers(-1, 3), max_size=2),
    st.dictionaries(WORDS, st.integers(), max_size=1),
)
ENTRIES = st.one_of(VALUES, st.dictionaries(WORDS, VALUES, max_size=5))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(ENTRIES, max_size=3))
def test_any_plan_is_read_whole_or_refused_with_a_line(entries: list[object]) -> None:
    """No entry gets lost, and nothing but a FaultPlanError comes of bad ones, in one line."""
    with TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(json.dumps(entries))
        read, message = -1, ""
        try:
            read = len(load_fault_plan(plan))
        except FaultPlanError as exc:
            message = str(exc)
    assert read == len(entries) or (f"{plan}:1: " in message and "\n" not in message)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{fault: delay, operation: any}", ":1: delay_s is missing"),
        ("{fault: refuse, operation: any, signal: MODEL_LODING}", "did you mean 'MODEL_LOADING'?"),
        ("{fault: hang, operation: encod}", "did you mean 'encode'?"),
        ("{fault: no_done, operation: encode}", "not one of chat, generate, completion, any"),
        ("{fault: drop, operation: any, share: 1.5}", "share is 1.5, not a share from 0 to 1"),
        ("{fault: drop, operation: any, requests: [0]}", "not a list of request numbers, counted from 1"),
        ("{fault: drop, operation: any, requests: [1], every: 2}", "every and requests do not go together"),
        ("{fault: drop, operation: any, duration_s: 2}", "duration_s needs at_s"),
        ("{fault: drop, operation: any, model: BAAI/bge-m4}", "did you mean 'BAAI/bge-m3'?"),
        ("{fault: slow, at_s: 1, factor: 0.5}", "factor is 0.5, not a number >= 1"),
        ("{fault: slow, at_s: 1, factor: 2, operation: chat}", "'operation' is unknown here"),
        ("{fault: lose_worker, at_s: 1, streams: cutt}", "did you mean 'cut'?"),
        ("{fault: load_failure, model: BAAI/bge-m3, duration_s: 3}", "duration_s needs at_s"),
        ("{fault: no_usag, operation: chat}", "did you mean 'no_usage'?"),
    ],
)
def test_mistakes_in_the_choice(tmp_path: Path, entry: str, words: str) -> None:
    """Each is named with its line and the nearest word that would do."""
    assert words in mistakes_of(tmp_path, entry)
