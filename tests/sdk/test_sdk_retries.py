"""Which signals each SDK tries again within one call, and which are the user's at once.

A plan refuses one request after another, each with the next signal of a list.  A call that succeeds has
therefore outwaited the whole list; of terminal signals each call meets exactly one.  `retry_after` keeps the
waits short.
"""

import time
from collections.abc import Iterable

import pytest

from tests.sdk.clients import VERSION, AsyncClient, Client, errors, sie_sdk
from tests.sdk.conftest import Connect, Faulty, Start

OLD = VERSION == "0.4.1"
ENCODE = ("BAAI/bge-m3", {"text": "x"})
GENERATE = ("Qwen/Qwen3-0.6B", "hello")
OTHER = "Qwen/Qwen3-4B"
MESSAGES = [{"role": "user", "content": "hello"}]
SOON = "0.01"

LOADING = ["MODEL_LOADING", "RESOURCE_EXHAUSTED", "PROVISIONING"]
PUBLISH = ["QUEUE_FULL", "BACKPRESSURE", "NO_CONSUMERS", "QUEUE_UNAVAILABLE"]
LIMITED = ["RATE_LIMIT", "RATE_LIMIT_EXCEEDED"]
PERMANENT = [
    "INFERENCE_ERROR",
    "UNAUTHORIZED",
    "PROXY_502",
    "MODEL_LOAD_FAILED",
    "INPUT_TOO_LONG",
    "CANCELLED",
]

# To 0.4.1 any 503 is worth waiting for, also one without a code; to 0.10.1 only those that it knows, and 429.
RETRIED = [*LOADING, *PUBLISH, *(["LORA_LOADING", "PROXY_503"] if OLD else LIMITED)]
TERMINAL = [*PERMANENT, *(LIMITED if OLD else ["PROXY_503"])]


def refusals(
    operation: str, signals: Iterable[str], retry_after: str = SOON, model: str = GENERATE[0]
) -> str:
    """A plan that refuses one request with each signal, in this order."""
    where = f"operation: {operation}, model: {ENCODE[0] if operation == 'encode' else model}"
    entry = "- {{fault: refuse, {}, signal: {}, retry_after: {}}}\n"
    return "".join(entry.format(where, signal, retry_after) for signal in signals)


def retries(client: Client) -> int | None:
    """How often the latest call tried again, where the SDK counts."""
    return None if OLD else int(client.look("last_retry_count"))


def expected(count: int) -> int | None:
    """The count that the SDK should give."""
    return None if OLD else count


def test_encode_outwaits_what_passes(faulty: Faulty) -> None:
    """All within one call: items can be sent twice without harm, so even a 504 is tried again."""
    signals = [*dict.fromkeys([*RETRIED, "LORA_LOADING", "GATEWAY_TIMEOUT"])]
    client = faulty(refusals("encode", signals))
    assert client.call("encode", *ENCODE)["dense"].shape == (1024,)
    assert retries(client) == expected(len(signals))


def test_generation_outwaits_what_comes_before_any_work(faulty: Faulty) -> None:
    """Whole and streamed, on both routes; the plan tells streams by their model."""
    plans = [
        refusals(route, RETRIED, model=m) for route in ("generate", "chat") for m in (GENERATE[0], OTHER)
    ]
    client = faulty("".join(plans))
    assert client.call("generate", *GENERATE, max_new_tokens=4)["usage"]["completion_tokens"] == 4
    assert retries(client) == expected(len(RETRIED))
    assert client.stream("stream_generate", OTHER, "hello", max_new_tokens=4)[-1]["done"] is True
    reply = client.call("chat_completions", GENERATE[0], MESSAGES, max_tokens=4)
    assert reply["usage"]["completion_tokens"] == 4
    chunks = client.stream("stream_chat_completions", OTHER, MESSAGES, max_tokens=4)
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_what_does_not_pass_is_the_users_at_once(faulty: Faulty) -> None:
    """Each call meets one of them, whatever its advice; only then comes an answer."""
    client = faulty(refusals("encode", TERMINAL))
    for _ in TERMINAL:
        with pytest.raises((sie_sdk.RequestError, sie_sdk.ServerError)):
            client.call("encode", *ENCODE)
    assert client.call("encode", *ENCODE)["dense"].shape == (1024,)


def test_for_generation_a_timeout_is_terminal_too(faulty: Faulty) -> None:
    """A worker may be writing already, and nobody wants to pay twice."""
    signals = [*TERMINAL, "GATEWAY_TIMEOUT", "INTER_CHUNK_TIMEOUT", *([] if OLD else ["LORA_LOADING"])]
    client = faulty(refusals("generate", signals) + refusals("chat", signals))
    for _ in signals:
        with pytest.raises((sie_sdk.RequestError, sie_sdk.ServerError)):
            client.call("generate", *GENERATE, max_new_tokens=4)
        with pytest.raises((sie_sdk.RequestError, sie_sdk.ServerError)):
            client.stream("stream_chat_completions", GENERATE[0], MESSAGES, max_tokens=4)
    assert client.call("generate", *GENERATE, max_new_tokens=4)["finish_reason"] == "length"


def test_a_queue_without_advice(faulty: Faulty) -> None:
    """0.4.1 waits its usual 5 s; to 0.10.1 the missing header means that work may have begun."""
    client = faulty(refusals("encode", ["QUEUE_UNAVAILABLE"], "none"))
    if OLD:
        began_s = time.monotonic()
        client.call("encode", *ENCODE)
        assert time.monotonic() - began_s >= 5 * 0.95
    else:
        with pytest.raises(sie_sdk.ServerError):
            client.call("encode", *ENCODE)


def test_without_waiting_only_loading_is_outwaited(faulty: Faulty) -> None:
    """The flag is about capacity; a model or an adapter that loads is waited for whatever it says."""
    later = [] if OLD else ["QUEUE_FULL", "RATE_LIMIT"]
    passing = ["MODEL_LOADING", "LORA_LOADING", *later]
    client = faulty(refusals("encode", [*passing, "PROVISIONING", "GATEWAY_TIMEOUT"]))
    with pytest.raises(sie_sdk.ProvisioningError):
        client.call("encode", *ENCODE, wait_for_capacity=False)
    with pytest.raises(sie_sdk.ServerError):
        client.call("encode", *ENCODE, wait_for_capacity=False)
    assert client.call("encode", *ENCODE, wait_for_capacity=False)["dense"].shape == (1024,)


def test_an_advice_of_zero(faulty: Faulty) -> None:
    """To 0.4.1 it is no advice, so that each wait is the usual second; 0.10.1 does not wait at all."""
    client = faulty(refusals("encode", ["LORA_LOADING"] * 2 + ["MODEL_LOADING"] * (0 if OLD else 20), "0"))
    began_s = time.monotonic()
    client.call("encode", *ENCODE, provision_timeout_s=30)
    if OLD:
        assert time.monotonic() - began_s >= 2 * 0.95
    assert retries(client) == expected(22)


def test_an_adapter_is_waited_for_ten_times(faulty: Faulty) -> None:
    """Ten refusals are outwaited, the eleventh is an error of its own."""
    client = faulty(refusals("encode", ["LORA_LOADING"] * 21))
    with pytest.raises(sie_sdk.LoraLoadingError):
        client.call("encode", *ENCODE)
    assert client.call("encode", *ENCODE)["dense"].shape == (1024,)
    assert retries(client) == expected(10)


def test_memory_is_waited_for_as_often_as_the_user_says(faulty: Faulty) -> None:
    """Once, never, or by default three times; sooner when the next pause would exceed the budget."""
    client = faulty(refusals("encode", ["RESOURCE_EXHAUSTED"] * 4))
    client_error = errors.ResourceExhaustedError
    with pytest.raises(client_error):
        client.call("encode", *ENCODE, max_oom_retries=0)
    with pytest.raises(client_error) as caught:
        client.call("encode", *ENCODE, provision_timeout_s=4)
    assert caught.value.retries == 1
    assert client.call("encode", *ENCODE, max_oom_retries=1)["dense"].shape == (1024,)


def test_a_dropped_connection(faulty: Faulty) -> None:
    """Encode is sent again after a pause; a generation is not, once its request was sent."""
    client = faulty("- {fault: drop, operation: any, how: close, count: 3}\n")
    with pytest.raises(sie_sdk.SIEConnectionError):
        client.call("generate", *GENERATE, max_new_tokens=4)
    with pytest.raises(sie_sdk.SIEConnectionError):
        client.call("chat_completions", GENERATE[0], MESSAGES, max_tokens=4)
    assert client.call("encode", *ENCODE)["dense"].shape == (1024,)
    assert retries(client) == expected(1)


def test_a_reset_connection(faulty: Faulty) -> None:
    """To the asynchronous clients a reset is a failure to connect, which they do not try again."""
    client = faulty("- {fault: drop, operation: encode}\n")
    if isinstance(client, AsyncClient):
        with pytest.raises(sie_sdk.SIEConnectionError, match="connect"):
            client.call("encode", *ENCODE)
    assert client.call("encode", *ENCODE)["dense"].shape == (1024,)


@pytest.mark.skipif(OLD, reason="that is the dialect of 0.4.1")
def test_0_10_1_cannot_wait_for_a_0_4_gateway(connect: Connect, start: Start) -> None:
    """202 is no answer that it knows: each route fails at once, in its own words."""
    client = connect(start("--dialect", "0.4", "--fleet", "l4=0..1"))
    with pytest.raises(sie_sdk.RequestError, match="status=202"):
        client.call("encode", *ENCODE, gpu="l4")
    with pytest.raises(sie_sdk.RequestError):
        client.call("generate", *GENERATE, max_new_tokens=4, gpu="l4")
    with pytest.raises(sie_sdk.ServerError, match="202"):
        client.stream("stream_generate", *GENERATE, max_new_tokens=4, gpu="l4")


def test_a_model_that_loads_for_a_while(connect: Connect, start: Start) -> None:
    """No fault plan: the first use of each model starts its load, and the call outlasts it."""
    client = connect(start("--fleet", "l4=1", "--model-load-s", "1.5", "--retry-after-scale", "0.01"))
    assert client.call("encode", *ENCODE, wait_for_capacity=False)["dense"].shape == (1024,)
    assert client.stream("stream_generate", *GENERATE, max_new_tokens=4)[-1]["done"] is True


def test_a_gateway_that_gives_up_on_a_worker(faulty: Faulty) -> None:
    """The first chunk never comes: an error event in the stream, a 504 without one, and no second try."""
    plan = "- {fault: load_failure, model: Qwen/Qwen3-0.6B}\n"
    client = faulty(plan, "--first-chunk-timeout-s", "0.2")
    error = sie_sdk.ServerError if OLD else sie_sdk.ModelLoadFailedError
    with pytest.raises(error):
        client.stream("stream_generate", *GENERATE, max_new_tokens=4)
    with pytest.raises(error):
        client.call("chat_completions", GENERATE[0], MESSAGES, max_tokens=4)
