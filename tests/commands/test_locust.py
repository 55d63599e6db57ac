"""`locust -f` with tasks of a user's own, on the simulated gateway: what they asked is what is recorded."""

import json
import math
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tests.commands.cli import SCENARIOS, bench, only_run
from tests.commands.locusts import TALK, Start, click, free_port, logged, recorded, stopped
from tests.conftest import ROOT, Sim

TWO_KINDS = """
class Person(PoolUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        note(self.client.chat("hello", name="greeting", **CHAT), name="greeting")

    def on_stop(self):
        note(self.client.chat("bye", name="parting", **CHAT), name="parting")

    @task(3)
    def talk(self):
        first = note(self.client.chat("What?", keep=True, temperature=0.5, **CHAT), name="chat")
        said = [{"role": "assistant", "content": first.text}, {"role": "user", "content": "And?"}]
        note(self.client.chat(said, name="again", after=first, **CHAT), name="again")

    @task
    class Nested(TaskSet):
        @task
        def write(self):
            note(self.client.generate("go on", stream=False, **CHAT), name="generate")
            self.interrupt()


class Search(PoolUser):
    wait_time = constant(0.2)

    @task
    def search(self):
        found = self.client.encode(["a", "b"], name="search", model="BAAI/bge-m3", profile="l4", keep=True)
        note(found, name="search", size=len(found.body["items"][0]["dense"]["values"]))
        note(self.client.score("q", ["a", "b", "c"], model="BAAI/bge-reranker-v2-m3"), name="score")
"""


def test_tasks_of_a_users_own_leave_each_of_their_requests_in_the_records(start: Start, sim: Sim) -> None:
    """Two user classes, weights, nested tasks, on_start, on_stop: what they were told stands there."""
    words = ("--headless", "-u", "4", "-r", "4", "--stop-timeout", "20", "--host", sim("--fleet", "l4=2"))
    locust, names = start(TWO_KINDS, *words), {"greeting", "chat", "again", "generate", "search", "score"}
    found = recorded(stopped(locust, lambda: {line["name"] for line in locust.said()} == names))
    told = pd.DataFrame(locust.said()).set_index("index")
    assert set(found["traffic_class"]) == names | {"parting"}
    # Who was ended before its reply came could not tell of it.
    assert set(told.index) <= set(found.index)
    assert found.drop(told.index)["user"].is_unique
    found = _sent(found.loc[told.index], users=4)
    told = told.loc[found.index]
    for column in ("outcome", "conversation", "turn", "in_tokens", "out_tokens", "items_returned"):
        assert _same(told[column], found[column]), column
    assert (told["name"] == found["traffic_class"].astype(str)).all()
    assert _same(told["ttft_ms"], (found["first_token_ns"] - found["scheduled_ns"]) / 1e6)
    assert _same(told["e2e_ms"], (found["end_ns"] - found["scheduled_ns"]) / 1e6)
    assert set(found["outcome"]) == {"ok"}
    assert set(found["stamp_source"]) == {"kernel"}
    assert set(found["user"]) == {0, 1, 2, 3}
    again = told[told["name"] == "again"]
    assert set(again["turn"]) == {1}
    assert set(again["conversation"]) <= set(told[told["name"] == "chat"].index)
    assert told.loc[told["name"] == "chat", "text"].str.len().gt(0).all()
    assert set(told["size"].dropna()) == {1024}


def _sent(found: pd.DataFrame, users: int) -> pd.DataFrame:
    """All but what a user had just asked when the stop came, which is at most one a user."""
    sent = found[found["outcome"] != "not_sent"]
    assert len(found) - len(sent) <= users
    return sent


def _same(told: "pd.Series[float]", found: "pd.Series[float]") -> bool:
    pairs = zip(told.tolist(), found.tolist(), strict=True)
    return all(a == b or (_none(a) and _none(b)) or _close(a, b) for a, b in pairs)


def _none(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _close(told: object, found: object) -> bool:
    numbers = isinstance(told, float | int) and isinstance(found, float | int)
    return numbers and math.isclose(float(str(told)), float(str(found)), rel_tol=1e-9)


def test_the_shipped_example_runs_reports_and_stands_in_the_docs(
    start: Start, sim: Sim, tmp_path: Path
) -> None:
    """Its names are in the table, and what the page of the docs shows is the file."""
    example = SCENARIOS / "locust" / "own_tasks.py"
    text = example.read_text(encoding="utf-8")
    assert text in (ROOT / "docs" / "locust.md").read_text(encoding="utf-8")
    locust = start(text, "--headless", "-u", "6", "-r", "6", "--host", sim("--fleet", "l4=2"))
    folder = stopped(locust, lambda: logged(locust, 8000))
    assert {"greeting", "query", "score"} <= set(recorded(folder)["traffic_class"])
    said = bench("summary", folder, cwd=tmp_path)
    assert all(name in said.out for name in ("greeting", "query", "score"))
    assert bench("report", folder, cwd=tmp_path).code == 0
    assert "greeting" in (folder / "report.html").read_text(encoding="utf-8")


def test_users_without_tasks_take_the_scenarios_turns_beside_those_with_tasks(
    start: Start, sim: Sim, tmp_path: Path
) -> None:
    """One of each: both are in the books, under one numbering."""
    text = TALK.replace("**CHAT", 'name="mine", **CHAT') + "\n\nclass Plain(PoolUser):\n    pass\n"
    words = ("-u", "2", "-r", "2", "-t", "20s", "--host", sim("--fleet", "l4=2"))
    locust = start(text, "--headless", *words)
    code, out = locust.end()
    assert code == 0, out
    found = recorded(only_run(tmp_path / "results"))
    counts = found["traffic_class"].value_counts()
    assert set(counts[counts > 0].index) == {"mine", "chat"}
    mine = found[found["traffic_class"] == "mine"]
    assert {one["index"] for one in locust.said()} <= set(mine.index)
    assert mine["user"].nunique() == 1


def test_each_start_on_the_page_leaves_a_run_folder(start: Start, sim: Sim, tmp_path: Path) -> None:
    """Start, stop, start again, stop; the page counts the requests under the user's own names."""
    port, target = free_port(), sim("--fleet", "l4=2")
    url, words = (
        f"http://127.0.0.1:{port}",
        ("--web-host", "127.0.0.1", "--web-port", str(port), "--host", target),
    )
    locust = start(TALK.replace("**CHAT", 'name="mine", **CHAT'), *words)
    locust.until(lambda: _answers(url))
    for number in (1, 2):
        before = len(locust.said())
        click(url, "/swarm", user_count=2, spawn_rate=2, host=target)
        locust.until(lambda before=before: len(locust.said()) > before + 2)  # type: ignore[misc]
        locust.until(lambda: _counted(url, "mine l4") > 2)
        click(url, "/stop")
        locust.until(lambda number=number: len(_complete(tmp_path)) == number)  # type: ignore[misc]
    locust.interrupt()
    assert locust.end()[0] == 0
    runs = [recorded(folder) for folder in _complete(tmp_path)]
    assert all(set(found["traffic_class"]) == {"mine"} for found in runs)
    assert all(len(found) > 2 for found in runs)
    assert sum(map(len, runs)) >= len(locust.said())


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _counted(url: str, name: str) -> int:
    rows = httpx.get(f"{url}/stats/requests").json()["stats"]
    return sum(row["num_requests"] for row in rows if row["name"] == name)


def _complete(folder: Path) -> list[Path]:
    files = sorted((folder / "results").glob("*/run.json"))
    return [file.parent for file in files if json.loads(file.read_text())["state"] == "complete"]


LONG = """
class Person(PoolUser):
    @task
    def talk(self):
        note(self.client.chat("hello", model="Qwen/Qwen3-4B", profile="l4", max_tokens=100))
"""


def test_what_is_in_flight_at_ctrl_c_is_waited_for_and_on_the_books(
    start: Start, sim: Sim, tmp_path: Path
) -> None:
    """Users who were still waiting are sent home; their replies came, and are recorded."""
    words = ("--headless", "-u", "3", "-r", "3", "--host", sim("--fleet", "l4=2"))
    locust = start(LONG, *words)
    locust.until(lambda: len(locust.said()) >= 3)
    locust.interrupt()
    code, out = locust.end()
    assert code == 0, out
    found = _sent(recorded(only_run(tmp_path / "results")), users=3)
    assert len(found) > len(locust.said())
    assert set(found["outcome"]) == {"ok"}


def test_a_locust_that_is_killed_leaves_what_its_tasks_asked(start: Start, sim: Sim, tmp_path: Path) -> None:
    """`kill -9`, then `bench salvage`: what was under way is unfinished, under its own name."""
    words = ("--headless", "-u", "3", "-r", "3", "--host", sim("--fleet", "l4=2"))
    locust = start(LONG.replace("max_tokens", 'name="mine", max_tokens'), *words)
    locust.until(lambda: len(locust.said()) >= 3)
    locust.kill()
    folder = only_run(tmp_path / "results")
    assert bench("salvage", folder, cwd=tmp_path).code == 0
    found = recorded(folder)
    assert set(found["traffic_class"]) == {"mine"}
    lost = found[found["outcome"] == "unfinished"]
    assert 1 <= len(lost) <= 3
    assert set(lost["asked_out_tokens"]) == {100}
    assert (lost["conversation"] == lost.index).all()


DECLARED = """
name: mine
duration_s: 10
target: {kind: openai, api_key_env: MY_KEY}
closed_loop: {users: 1}
classes:
  - name: talk
    operation: chat
    model: Qwen/Qwen3-4B
    input_tokens: given
    output_tokens: given
    slo: {e2e_ms: 60000}
"""


def test_a_scenario_lends_target_key_model_and_slo(
    start: Start, sim: Sim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind openai, with a key; a class of the scenario says model and SLO of what bears its name."""
    monkeypatch.setenv("MY_KEY", "a-key-of-mine")
    (tmp_path / "mine.yaml").write_text(DECLARED, encoding="utf-8")
    text = TALK.replace("**CHAT", 'name="talk", max_tokens=4')
    url = sim("--fleet", "l4=1", "--auth", "static", "--token-env", "MY_KEY")
    locust = start(text, "--headless", "-u", "2", "--host", url, BENCH_SCENARIO="mine.yaml")
    folder = stopped(locust, lambda: len(locust.said()) > 5)
    found = _sent(recorded(folder), users=2)
    assert set(found["outcome"]) == {"ok"}
    assert set(found["model"]) == {"Qwen/Qwen3-4B"}
    assert "asked: 95%" in bench("summary", folder, cwd=tmp_path).out
