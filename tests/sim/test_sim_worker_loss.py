"""Workers that stop without a word or become slow, and queues that are full."""

import time
from typing import Any

import httpx
import pytest

from tests.sim.process import Faulty, Start
from tests.sim.wire import CHAT, COMPLETIONS, DONE, ENCODE, GENERATE, ITEMS, PROMPT, lines, trace

CUT = "- {at_s: 0.3, fault: lose_worker, bundle: sglang}\n"
LONG = {"max_new_tokens": 3000}


def health(http: httpx.Client) -> dict[str, Any]:
    """What the gateway says of its workers."""
    value: dict[str, Any] = http.get("/health").json()
    return value


def test_its_streams_end_without_a_word(faulty: Faulty) -> None:
    """Neither an error nor [DONE]: the channel of chunks is closed, and so is the body."""
    http = faulty(CUT).http
    reply = http.post(GENERATE, json=PROMPT | LONG | {"stream": True}, headers=trace(1))
    assert reply.status_code == 200
    assert len(lines(reply)) > 1
    assert DONE not in reply.text
    assert "error" not in reply.text


@pytest.mark.parametrize(("dialect", "advice"), [("0.4", None), ("0.10", "5")])
def test_its_whole_replies_are_a_closed_channel(faulty: Faulty, dialect: str, advice: str | None) -> None:
    """Items and text both end with 504, each in its own envelope."""
    http = faulty(CUT, "--dialect", dialect).http
    reply = http.post(GENERATE, json=PROMPT | LONG, headers=trace(1))
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "transport_failure")
    assert reply.headers.get("retry-after") == advice


def test_it_is_noticed_late_and_then_replaced(faulty: Faulty) -> None:
    """Until its heartbeat is missed it counts as healthy and takes work that nobody does; then it is listed
    as unhealthy, and demand starts another."""
    plan = "- {at_s: 0, fault: lose_worker, bundle: default}\n"
    options = ("--heartbeat-loss-s", "3", "--request-timeout-s", "0.2", "--cold-start-scale", "0.004")
    http = faulty(plan, *options).http
    http.post(GENERATE, json=PROMPT, headers=trace(1))
    assert [worker["healthy"] for worker in health(http)["workers"]] == [True, True]
    assert http.post(ENCODE, json=ITEMS).json()["error"]["code"] == "MODEL_LOADING"
    time.sleep(3)
    lost = [worker for worker in health(http)["workers"] if not worker["healthy"]]
    assert [worker["bundle"] for worker in lost] == ["default"]
    assert health(http)["cluster"]["worker_count"] == 1
    gpu = {"X-SIE-MACHINE-PROFILE": "l4"}
    assert http.post(ENCODE, json=ITEMS, headers=gpu).status_code == 202
    deadline_s = time.monotonic() + 10
    while http.post(ENCODE, json=ITEMS, headers=gpu).status_code != 200:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def test_the_others_of_its_lane_go_on(start: Start, tmp_path: Any) -> None:
    """New work goes to who is left."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("- {at_s: 0, fault: lose_worker, profile: l4, bundle: default, workers: 2}\n")
    http = start("--fleet", "l4=3", "--fault-plan", str(plan)).http
    http.post(GENERATE, json=PROMPT, headers=trace(1))
    assert [http.post(ENCODE, json=ITEMS).status_code for _ in range(4)] == [200] * 4


def test_slow_workers_are_slow_for_a_while(faulty: Faulty) -> None:
    """400 times slower, an encode takes a second or more; afterwards it is quick again."""
    http = faulty("- {at_s: 0, fault: slow, factor: 400, duration_s: 3, bundle: default}\n").http
    http.post(GENERATE, json=PROMPT, headers=trace(1))
    slow = http.post(ENCODE, json=ITEMS)
    assert float(slow.headers["x-inference-time"]) >= 1000
    deadline_s = time.monotonic() + 15
    while float(http.post(ENCODE, json=ITEMS).headers["x-inference-time"]) >= 100:
        assert time.monotonic() < deadline_s


def test_a_full_queue_is_backpressure(start: Start) -> None:
    """With so many items pending in the pool the next request is refused, and asked to come back in 5 s."""
    http = start("--fleet", "l4=1", "--max-pending", "3").http
    with http.stream("POST", COMPLETIONS, json=CHAT | {"max_tokens": 2000, "stream": True}):
        assert http.post(ENCODE, json=ITEMS).status_code == 200
        streams = [http.stream("POST", GENERATE, json=PROMPT | LONG | {"stream": True}) for _ in range(2)]
        for stream in streams:
            assert stream.__enter__().status_code == 200
        encode = http.post(ENCODE, json=ITEMS)
        chat = http.post(COMPLETIONS, json=CHAT | {"stream": True})
        for stream in streams:
            stream.__exit__(None, None, None)
    assert (encode.status_code, encode.json()["detail"]["code"]) == (503, "QUEUE_UNAVAILABLE")
    assert (chat.status_code, chat.json()["error"]["code"]) == (503, "transport_failure")
    assert {encode.headers["retry-after"], chat.headers["retry-after"]} == {"5"}
