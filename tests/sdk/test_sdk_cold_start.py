"""A lane without workers, as the SDK's user sees it; cold starts and Retry-After are scaled down."""

import pytest

from tests.sdk.clients import Client, sie_sdk
from tests.sdk.conftest import Connect, Start

ENCODER = "BAAI/bge-m3"
MODEL = "Qwen/Qwen3-0.6B"
MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def cold(connect: Connect, start: Start) -> Client:
    """A client of a gateway whose only lane is empty, and wakes in about two seconds."""
    return connect(start("--fleet", "l4=0..1", "--cold-start-scale", "0.008", "--retry-after-scale", "0.01"))


def test_without_waiting_a_cold_lane_is_a_provisioning_error(cold: Client) -> None:
    """The error comes at once, carries the lane's name and the gateway's advice, on every operation."""
    calls = [
        ("encode", (ENCODER, {"text": "x"}), {}),
        ("generate", (MODEL, "x"), {"max_new_tokens": 4}),
        ("chat_completions", (MODEL, MESSAGES), {"max_tokens": 4}),
    ]
    for method, args, options in calls:
        with pytest.raises(sie_sdk.ProvisioningError) as caught:
            cold.call(method, *args, gpu="l4", wait_for_capacity=False, **options)
        assert caught.value.gpu == "l4"
        assert caught.value.retry_after in (1, 2)
    for method, args, options in (
        ("stream_generate", (MODEL, "x"), {"max_new_tokens": 4}),
        ("stream_chat_completions", (MODEL, MESSAGES), {"max_tokens": 4}),
    ):
        with pytest.raises(sie_sdk.ProvisioningError):
            cold.stream(method, *args, gpu="l4", wait_for_capacity=False, **options)


def test_with_waiting_encode_and_chat_succeed_once_the_lane_is_warm(cold: Client) -> None:
    """The SDK hides the wait; what comes back is an ordinary result."""
    result = cold.call("encode", ENCODER, {"text": "x"}, gpu="l4", provision_timeout_s=60)
    assert result["dense"].shape == (1024,)
    reply = cold.call("chat_completions", MODEL, MESSAGES, max_tokens=4, gpu="l4", provision_timeout_s=60)
    assert reply["usage"]["completion_tokens"] == 4


def test_with_waiting_streams_begin_once_the_lane_is_warm(cold: Client) -> None:
    """A stream's first answer may be "not yet"; the events come later."""
    options = {"gpu": "l4", "provision_timeout_s": 60}
    chunks = cold.stream("stream_generate", MODEL, "x", max_new_tokens=4, **options)
    assert chunks[-1]["done"] is True
    chunks = cold.stream("stream_chat_completions", MODEL, MESSAGES, max_tokens=4, **options)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_waiting_ends_with_the_budget(connect: Connect, start: Start) -> None:
    """A lane that never wakes is a provisioning error when the budget is spent."""
    never = connect(start("--fleet", "l4=0..1", "--retry-after-scale", "0.001"))
    with pytest.raises(sie_sdk.ProvisioningError):
        never.call("encode", ENCODER, {"text": "x"}, gpu="l4", provision_timeout_s=2)


def test_wait_for_capacity_with_a_model_wakes_the_lane(cold: Client) -> None:
    """With a model it sends a request, which is what starts a worker."""
    assert cold.call("wait_for_capacity", "l4", model=ENCODER, timeout_s=60)["worker_count"] >= 1


def test_wait_for_capacity_without_a_model_never_wakes_it(cold: Client) -> None:
    """Polling alone creates no demand, so it ends in a provisioning error."""
    with pytest.raises(sie_sdk.ProvisioningError):
        cold.call("wait_for_capacity", "l4", timeout_s=3, poll_interval_s=0.5)
