"""The routes that dress encode and score as other APIs: embeddings, rerank, moderations."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sim.process import Running, Start

EMBED = "/v1/embeddings"
RERANK = {"model": "BAAI/bge-reranker-v2-m3", "query": "q", "documents": ["a", "b", "c"]}
ASKED = {"model": "BAAI__bge-m3", "input": ["one", "two words"], "dimensions": 3, "user": "me"}
COLD = {"X-SIE-MACHINE-PROFILE": "h100"}


def test_embeddings_in_the_openai_envelope(either: Running) -> None:
    """The model is named as it was asked for, usage is a quarter of the characters, times are in headers."""
    reply = either.http.post(EMBED, json=ASKED)
    body = reply.json()
    assert (body["object"], body["model"]) == ("list", "BAAI__bge-m3")
    assert [(row["object"], row["index"]) for row in body["data"]] == [("embedding", 0), ("embedding", 1)]
    assert len(body["data"][1]["embedding"]) == 1024
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert {"x-inference-time", "x-queue-time", "x-sie-request-id"} <= set(reply.headers)


def test_base64_holds_the_same_floats(either: Running) -> None:
    """Four bytes each, little end first; a lone string is a list of one."""
    floats = either.http.post(EMBED, json=ASKED | {"input": "one"}).json()["data"]
    packed = either.http.post(EMBED, json=ASKED | {"input": "one", "encoding_format": "base64"}).json()[
        "data"
    ]
    assert len(floats) == len(packed) == 1
    assert np.frombuffer(base64.b64decode(packed[0]["embedding"]), "<f4").tolist() == floats[0]["embedding"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": ""}, "model"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
    ],
)
def test_embeddings_refuse_what_they_cannot_read(either: Running, change: dict[str, Any], param: str) -> None:
    """The field is named, also before a cold lane is."""
    for headers in ({}, COLD):
        reply = either.http.post(EMBED, json=ASKED | change, headers=headers)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["param"]) == (400, "invalid_request", param)


def test_a_partial_batch_of_embeddings_is_an_error(either: Running) -> None:
    """Where encode would leave one out without a word."""
    reply = either.http.post(EMBED, json=ASKED | {"input": ["one", ""]})
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "transport_failure")


def test_encodes_refusals_are_reworded(gateway: Running, later: Running) -> None:
    """The code is that of the later envelope, the native one moves into a header of 0.10."""
    for model, codes in (("none", (404, 404)), ("BAAI/bge-reranker-v2-m3", (500, 400))):
        replies = [running.http.post(EMBED, json=ASKED | {"model": model}) for running in (gateway, later)]
        assert tuple(reply.status_code for reply in replies) == codes
        assert all(reply.json()["error"].keys() == {"message", "type", "param", "code"} for reply in replies)
        assert "x-sie-error-code" not in replies[0].headers
        assert replies[1].headers["x-sie-error-code"] in ("MODEL_NOT_FOUND", "INVALID_INPUT")


def test_a_cold_lane_under_embeddings(start: Start, later: Running) -> None:
    """0.4 passes the 202 through with its versions, 0.10 says provisioning."""
    early = start("--fleet", "h100=0..1").http.post(EMBED, json=ASKED, headers=COLD)
    assert (early.status_code, early.json()["status"]) == (202, "provisioning")
    assert (early.headers["retry-after"], early.headers["x-sie-version"]) == ("120", "0.4.1")
    late = later.http.post(EMBED, json=ASKED, headers=COLD)
    assert (late.status_code, late.json()["error"]["code"]) == (503, "provisioning")
    assert (late.headers["retry-after"], late.headers["x-sie-error-code"]) == ("60", "PROVISIONING")


def test_256_texts_are_the_most_in_0_10(gateway: Running, later: Running) -> None:
    """0.4 has no such limit; body sizes are limited in both."""
    many = ASKED | {"input": ["x"] * 257}
    assert gateway.http.post(EMBED, json=many).status_code == 200
    assert later.http.post(EMBED, json=many).json()["error"]["param"] == "input"
    large = ASKED | {"input": "x" * 17 * 2**20}
    codes = [running.http.post(EMBED, json=large).json()["error"]["code"] for running in (gateway, later)]
    assert codes == ["invalid_request", "payload_too_large"]


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_rerank_exists_in_0_10_alone(gateway: Running, later: Running, path: str) -> None:
    """It answers with indices from the best down, at most top_n, and what the worker read."""
    assert gateway.http.post(path, json=RERANK).status_code == 404
    reply = later.http.post(path, json=RERANK | {"top_n": 2})
    body = reply.json()
    scores = [result["relevance_score"] for result in body["results"]]
    assert (len(scores), scores) == (2, sorted(scores, reverse=True))
    assert (body["model"], body["usage"]) == ("BAAI/bge-reranker-v2-m3", {"input_tokens": 18})
    assert "x-inference-time" in reply.headers


def test_documents_come_back_when_asked_for(later: Running) -> None:
    """Each beside its own score; v2 knows no such field."""
    asked = RERANK | {"return_documents": True}
    results = later.http.post("/v1/rerank", json=asked).json()["results"]
    assert [result["document"]["text"] for result in results] == [
        "abc"[result["index"]] for result in results
    ]
    assert later.http.post("/v2/rerank", json=asked).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"model": " "},
        {"query": 3},
        {"documents": []},
        {"documents": [{"text": "a"}]},
        {"documents": ["x"] * 1001},
        {"top_n": 0},
        {"return_documents": 1},
        {"options": {"x": 1}},
        {"priority": 1},
    ],
)
def test_rerank_refuses_in_plain_words(later: Running, change: dict[str, Any]) -> None:
    """The body holds a message and nothing else; it is looked at before the lane is."""
    reply = later.http.post("/v1/rerank", json=RERANK | change, headers=COLD)
    assert (reply.status_code, list(reply.json())) == (400, ["message"])


def test_what_score_refuses_is_reworded_too(later: Running) -> None:
    """Status, advice and code survive in the status line and the headers."""
    cold = later.http.post("/v1/rerank", json=RERANK, headers=COLD)
    assert (cold.status_code, list(cold.json())) == (503, ["message"])
    assert (cold.headers["retry-after"], cold.headers["x-sie-error-code"]) == ("60", "PROVISIONING")
    missing = later.http.post("/v1/rerank", json=RERANK | {"model": "none"})
    assert (missing.status_code, list(missing.json())) == (404, ["message"])


def test_score_tells_usage_in_0_10_alone(gateway: Running, later: Running) -> None:
    """What rerank reports is what score read."""
    body = {"query": {"text": "q"}, "items": [{"text": "a"}]}
    path = "/v1/score/BAAI/bge-reranker-v2-m3"
    assert "usage" not in gateway.http.post(path, json=body).json()
    assert later.http.post(path, json=body).json()["usage"] == {"input_tokens": 6}


def test_fault_plans_reach_these_routes_too(start: Start, tmp_path: Path) -> None:
    """Each words the refusal as its own, with the same advice."""
    (tmp_path / "plan.yaml").write_text(
        "- {fault: refuse, operation: embed, signal: GATEWAY_TIMEOUT}\n"
        "- {fault: refuse, operation: rerank, signal: RESOURCE_EXHAUSTED}\n"
        "- {fault: refuse, operation: extract, signal: MODEL_LOADING}\n"
    )
    options = ("--dialect", "0.10", "--fleet", "l4=1", "--fault-plan", str(tmp_path / "plan.yaml"))
    http = start(*options).http
    extraction = {"text": "x", "params": {"labels": ["y"]}}
    for path, body, status, code, told in (
        (EMBED, ASKED, 504, "GATEWAY_TIMEOUT", "overall_timeout"),
        ("/v1/rerank", RERANK, 503, "RESOURCE_EXHAUSTED", ""),
        ("/v1/extract/urchade/gliner_multi-v2.1", extraction, 503, "MODEL_LOADING", "MODEL_LOADING"),
    ):
        reply = http.post(path, json=body)
        assert (reply.status_code, reply.headers["x-sie-error-code"]) == (status, code)
        assert reply.headers["retry-after"] == "5"
        assert reply.json().get("error", {}).get("code", "") == told
        assert http.post(path, json=body).status_code == 200


def test_moderations_are_not_implemented(either: Running) -> None:
    """The route says so instead of not being there."""
    reply = either.http.post("/v1/moderations", json={"input": "x"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (501, "not_implemented")
