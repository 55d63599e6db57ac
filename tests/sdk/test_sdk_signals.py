"""Each signal that is no answer, and what the SDK makes of it; Retry-After is scaled down to a second."""

import pytest

from tests.sdk.clients import VERSION, sie_sdk
from tests.sdk.conftest import Faulty

ENCODE = ("BAAI/bge-m3", {"text": "x"})
GENERATE = ("Qwen/Qwen3-0.6B", "hello")
MESSAGES = [{"role": "user", "content": "hello"}]


def test_loading_that_lasts_ends_with_the_budget(faulty: Faulty) -> None:
    """The budget limits the wait, and 0.4.1 may call it provisioning when it runs out during a pause."""
    plan = "- {fault: refuse, operation: score, signal: MODEL_LOADING, count: 999}\n"
    kinds = (sie_sdk.ModelLoadingError, sie_sdk.ProvisioningError)
    with pytest.raises(kinds if VERSION == "0.4.1" else sie_sdk.ModelLoadingError):
        faulty(plan).call(
            "score", "BAAI/bge-reranker-v2-m3", {"text": "q"}, [{"text": "d"}], provision_timeout_s=2
        )


def test_a_load_that_failed_is_terminal(faulty: Faulty) -> None:
    """One refusal is enough, and the reason reaches the user."""
    plan = "- {fault: refuse, operation: encode, signal: MODEL_LOAD_FAILED}\n"
    with pytest.raises(sie_sdk.ModelLoadFailedError) as caught:
        faulty(plan).call("encode", *ENCODE)
    assert caught.value.permanent is True
    assert caught.value.error_class == "RuntimeError"


def test_too_long_an_input_is_terminal(faulty: Faulty) -> None:
    """It has an error class of its own."""
    plan = "- {fault: refuse, operation: encode, signal: INPUT_TOO_LONG}\n"
    with pytest.raises(sie_sdk.InputTooLongError):
        faulty(plan).call("encode", *ENCODE)


def test_an_error_in_the_middle_of_a_stream_is_raised(faulty: Faulty) -> None:
    """The 200 of the headers does not make it a success."""
    client = faulty(
        "- {fault: stream_error, operation: generate, after_events: 2}\n"
        "- {fault: stream_error, operation: chat, after_events: 2}\n"
    )
    with pytest.raises(sie_sdk.ServerError, match="inter_chunk_timeout"):
        client.stream("stream_generate", *GENERATE, max_new_tokens=100)
    with pytest.raises(sie_sdk.ServerError, match="inter_chunk_timeout"):
        client.stream("stream_chat_completions", GENERATE[0], MESSAGES, max_tokens=100)


def test_a_cut_stream_looks_like_a_whole_one(faulty: Faulty) -> None:
    """The SDK returns what came; only the missing end tells."""
    client = faulty(
        "- {fault: stream_cut, operation: generate, after_events: 2}\n"
        "- {fault: stream_cut, operation: chat, after_events: 3}\n"
    )
    chunks = client.stream("stream_generate", *GENERATE, max_new_tokens=100)
    assert [chunk["done"] for chunk in chunks] == [False, False]
    chunks = client.stream("stream_chat_completions", GENERATE[0], MESSAGES, max_tokens=100)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 3


def test_capacity_as_the_first_event_is_retried_by_0_10_1_alone(faulty: Faulty) -> None:
    """A stream that begins with "loading" is a refusal to the later SDK and an error to the earlier one."""
    client = faulty("- {fault: stream_error, operation: generate, after_events: 0, code: MODEL_LOADING}\n")
    if VERSION == "0.4.1":
        with pytest.raises(sie_sdk.ServerError):
            client.stream("stream_generate", *GENERATE, max_new_tokens=4)
    else:
        assert client.stream("stream_generate", *GENERATE, max_new_tokens=4)[-1]["done"] is True
