"""What dialect 0.10 does differently from 0.4, row by row."""

from typing import Any

import pytest

from tests.sim.process import Running, Start

CHAT = {"model": "Qwen/Qwen3-4B", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
PROMPT = {"prompt": "hello", "max_new_tokens": 4}
ITEMS = {"items": [{"text": "one"}]}
ENCODE = "/v1/encode/BAAI/bge-m3"
GENERATE = "/v1/generate/Qwen__Qwen3-4B"
COLD = {"X-SIE-MACHINE-PROFILE": "h100"}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (ENCODE, ITEMS, "PROVISIONING"),
        (GENERATE, PROMPT, "provisioning"),
        ("/v1/chat/completions", CHAT, "provisioning"),
        ("/v1/chat/completions", CHAT | {"stream": True}, "provisioning"),
    ],
)
def test_a_cold_lane_is_503_and_never_served_by_another(
    later: Running, path: str, body: dict[str, Any], code: str
) -> None:
    """Live workers of another profile do not stand in; the code is in the header and in the body."""
    reply = later.http.post(path, json=body, headers=COLD)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "60")
    assert reply.headers["x-sie-error-code"] == "PROVISIONING"
    assert reply.json()["error"]["code"] == code


def test_demand_without_a_profile_wakes_a_lane(start: Start) -> None:
    """At 0.4 such demand starts nothing; here it starts the first lane of pool and bundle."""
    running = start("--dialect", "0.10", "--fleet", "l4=0..1", "--cold-start-scale", "0")
    assert running.http.post(ENCODE, json=ITEMS).status_code == 503
    assert running.http.post(ENCODE, json=ITEMS).status_code == 200


def test_an_unknown_pool_is_404(later: Running) -> None:
    """Native and OpenAI routes agree on the status; a deployed pool needs no call to exist."""
    headers = {"X-SIE-Pool": "nobody"}
    native = later.http.post(ENCODE, json=ITEMS, headers=headers)
    assert (native.status_code, native.json()["detail"]["code"]) == (404, "POOL_NOT_FOUND")
    chat = later.http.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert (chat.status_code, chat.json()["error"]["code"]) == (404, "pool_not_found")
    assert later.http.post(ENCODE, json=ITEMS, headers={"X-SIE-Pool": "LAB"}).status_code == 200


def test_a_pool_made_by_api_borrows_workers_and_its_name_is_in_lower_case(later: Running) -> None:
    """It serves at once, and shows what the later specification adds."""
    made = later.http.post("/v1/pools", json={"name": "Eval", "gpus": {"l4": 1}}).json()
    assert made["spec"].items() >= {"name": "eval", "queue_pool": "default", "pinned_models": []}.items()
    headers = {"X-SIE-Pool": "eVAL", "X-SIE-MACHINE-PROFILE": "l4"}
    assert later.http.post(ENCODE, json=ITEMS, headers=headers).status_code == 200
    assert later.http.delete("/v1/pools/EVAL").status_code == 200
    assert later.http.post(ENCODE, json=ITEMS, headers=headers).status_code == 404


def test_a_pool_with_caps_and_no_member_is_provisioning(later: Running) -> None:
    """A cap of zero is permanent."""
    later.http.post("/v1/pools", json={"name": "capped", "gpu_caps": {"l4": 0}})
    headers = {"X-SIE-Pool": "capped", "X-SIE-MACHINE-PROFILE": "l4"}
    reply = later.http.post(ENCODE, json=ITEMS, headers=headers)
    assert (reply.status_code, reply.json()["detail"]["code"]) == (503, "POOL_CAPACITY_UNAVAILABLE")
    assert later.http.delete("/v1/pools/capped").status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "default"}, 403),
        ({"name": "_default"}, 403),
        ({"name": "with.dot"}, 400),
        ({"gpus": {"l4": 5}}, 403),
        ({"minimum_worker_count": 5}, 403),
        ({"ttl_seconds": 3601}, 400),
        ({"queue_pool": "nowhere"}, 400),
    ],
)
def test_limits_of_pools(later: Running, change: dict[str, Any], status: int) -> None:
    """Names, sizes, floors and leases have limits, and the default pool cannot be made."""
    spec = {"name": "limits", "gpus": {"l4": 1}} | change
    reply = later.http.post("/v1/pools", json=spec)
    assert reply.status_code == status
    code = "POOL_OPERATION_FORBIDDEN" if status == 403 else "INVALID_REQUEST"
    assert reply.json()["detail"]["code"] == code


def test_at_most_64_pools(start: Start) -> None:
    """The sixty-fifth is refused, while one that exists may still be renewed."""
    running = start("--dialect", "0.10", "--fleet", "l4=1")
    spec = {"gpus": {"l4": 1}}
    made = [running.http.post("/v1/pools", json=spec | {"name": f"p{n}"}).status_code for n in range(65)]
    assert made == [201] * 64 + [403]
    assert running.http.post("/v1/pools", json=spec | {"name": "p0"}).status_code == 201


@pytest.mark.parametrize("field", [{"n": 1}, {"best_of": 1}, {"stream_options": {}}])
def test_generate_refuses_fields_that_it_had(later: Running, field: dict[str, Any]) -> None:
    """n, best_of and stream_options are gone, whatever they hold."""
    reply = later.http.post(GENERATE, json=PROMPT | field)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, next(iter(field)))


def test_fields_that_were_added(later: Running) -> None:
    """Generate takes images and options, chat three more fields; 0.4 refuses all of them."""
    more = {"images": [{"data": "AAAA", "format": "png"}], "options": {"default_sampling": True}}
    assert later.http.post(GENERATE, json=PROMPT | more).status_code == 200
    chat = {"min_tokens": 1, "chat_template_kwargs": {"enable_thinking": False}, "include_reasoning": True}
    assert later.http.post("/v1/chat/completions", json=CHAT | chat).status_code == 200


@pytest.mark.parametrize("field", ["min_tokens", "chat_template_kwargs", "include_reasoning"])
def test_0_4_refuses_the_later_chat_fields(gateway: Running, field: str) -> None:
    """The list of fields belongs to the dialect."""
    reply = gateway.http.post("/v1/chat/completions", json=CHAT | {field: 1})
    assert reply.json()["error"]["code"] == "unsupported_field"


def test_items_that_a_worker_cannot_read_are_the_requests_fault(later: Running) -> None:
    """400 INVALID_INPUT instead of 500."""
    reply = later.http.post(ENCODE, json={"items": [{"images": []}]})
    assert (reply.status_code, reply.json()["detail"]["code"]) == (400, "INVALID_INPUT")


def test_counts_and_sizes_have_other_limits(later: Running) -> None:
    """At most 4,096 items and 1,000 documents; generate reads 24 MiB."""
    assert later.http.post(ENCODE, json={"items": [{"text": "x"}] * 4097}).status_code == 400
    body = {"query": {"text": "q"}, "items": [{"text": "x"}] * 1001}
    assert later.http.post("/v1/score/BAAI/bge-reranker-v2-m3", json=body).status_code == 400
    long = {"prompt": "x" * 5 * 2**20, "max_new_tokens": 1}
    assert later.http.post(GENERATE, json=long).json()["error"]["code"] == "context_exceeded"


def test_version_usage_and_health_say_more(later: Running) -> None:
    """The version is that of the dialect; usage and health have keys that 0.4 lacks."""
    reply = later.http.post(GENERATE, json=PROMPT)
    assert reply.headers["x-sie-version"] == "0.10.1"
    assert reply.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}
    health = later.http.get("/health").json()
    assert health["pending_generation"] == 0
    assert {"ready_gpu_slots", "pending_cost", "inflight_batches"} <= set(health["workers"][0])


def test_0_4_says_nothing_of_that(gateway: Running) -> None:
    """The keys of the later dialect are absent at 0.4."""
    health = gateway.http.get("/health").json()
    assert "pending_generation" not in health
    assert "pending_cost" not in health["workers"][0]
    assert "prompt_tokens_details" not in gateway.http.post(GENERATE, json=PROMPT).json()["usage"]
