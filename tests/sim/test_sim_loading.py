"""Models that workers load at their first use, or cannot load."""

import time
from typing import Any

import httpx
import pytest

from tests.sim.process import Faulty, Start
from tests.sim.wire import CHAT, COMPLETIONS, DONE, ENCODE, GENERATE, ITEMS, PAIRS, PROMPT, SCORE, streamed

MODEL = "BAAI/bge-m3"


def state(http: httpx.Client, name: str = MODEL) -> str:
    """What list and health say of a model: the same, if it did not change between the looks."""
    before = listed(http, name)
    models = http.get("/health").json()["models"]
    after = listed(http, name)
    if before != after:
        return state(http, name)
    assert [model["state"] for model in models if model["name"] == name] == [after["state"]]
    assert after["loaded"] == (after["state"] == "loaded")
    return str(after["state"])


def listed(http: httpx.Client, name: str) -> dict[str, Any]:
    """A model as the list has it."""
    model: dict[str, Any] = http.get(f"/v1/models/{name}").json()
    return model


def loaded(http: httpx.Client) -> list[str]:
    """Every model that some worker has loaded."""
    return [name for worker in http.get("/health").json()["workers"] for name in worker["loaded_models"]]


def until_loaded(http: httpx.Client, name: str = MODEL) -> None:
    """Wait for the worker."""
    deadline_s = time.monotonic() + 20
    while state(http, name) != "loaded":
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize("dialect", ["0.4", "0.10"])
def test_items_are_refused_until_the_model_is_loaded(start: Start, dialect: str) -> None:
    """The first use begins the load; the same worker's other models stay where they are."""
    http = start("--fleet", "l4=1", "--dialect", dialect, "--model-load-s", "4").http
    assert (state(http), loaded(http)) == ("available", [])
    first = http.post(ENCODE, json=ITEMS)
    assert (first.status_code, first.json()["error"]["code"]) == (503, "MODEL_LOADING")
    assert first.headers["retry-after"] == "5"
    assert state(http) == "loading"
    until_loaded(http)
    assert http.post(ENCODE, json=ITEMS).status_code == 200
    assert loaded(http) == [MODEL]
    assert http.post(SCORE, json=PAIRS).status_code == 503


def test_at_0_4_a_generation_waits_silently(start: Start) -> None:
    """The stream begins and its first chunk comes when the model is loaded."""
    http = start("--fleet", "l4=1", "--model-load-s", "1").http
    began_s = time.monotonic()
    assert streamed(http, GENERATE)[-1] == DONE
    assert time.monotonic() - began_s >= 1
    assert state(http, "Qwen/Qwen3-0.6B") == "loaded"


def test_at_0_10_a_generation_hears_that_its_model_is_loading(start: Start) -> None:
    """Before the stream, in the OpenAI envelope, with the code in a header as well."""
    http = start("--fleet", "l4=1", "--dialect", "0.10", "--model-load-s", "4").http
    for path, asked in ((GENERATE, PROMPT | {"stream": True}), (COMPLETIONS, CHAT)):
        reply = http.post(path, json=asked)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "MODEL_LOADING")
        assert reply.headers["x-sie-error-code"] == "MODEL_LOADING"
        assert reply.headers["retry-after"] == "5"
    until_loaded(http, "Qwen/Qwen3-0.6B")
    assert http.post(GENERATE, json=PROMPT).status_code == 200


def test_a_model_that_cannot_be_loaded(faulty: Faulty) -> None:
    """It has failed for all to see; others are not touched; at 0.4 a generation never begins."""
    plan = "- {fault: load_failure, model: BAAI/bge-m3}\n- {fault: load_failure, model: Qwen/Qwen3-0.6B}\n"
    http = faulty(plan, "--first-chunk-timeout-s", "0.2").http
    reply = http.post(ENCODE, json=ITEMS)
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "MODEL_LOAD_FAILED")
    assert "retry-after" not in reply.headers
    assert state(http) == "failed"
    assert http.post(SCORE, json=PAIRS).status_code == 200
    assert http.post(GENERATE, json=PROMPT).json()["error"]["code"] == "first_chunk_timeout"
    later = faulty(plan, "--dialect", "0.10").http.post(GENERATE, json=PROMPT)
    assert (later.status_code, later.json()["error"]["code"]) == (502, "MODEL_LOAD_FAILED")
