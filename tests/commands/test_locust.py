"""`locust -f` with tasks of a user's own, on the simulated gateway: what they asked is what is recorded."""

import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tests.commands.cli import SCENARIOS, bench, only_run
from tests.commands.locusts import Locust, click, free_port, recorded
from tests.conftest import ROOT, Sim

Start = Callable[..., Locust]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Locust with a locustfile, `start(text, "-u", "2")`; it ends with the test."""
    with ExitStack() as stack:

        def begin(text: str, *words: str, **environment: str) -> Locust:
            locust = Locust(tmp_path, text, *words, **environment)
            stack.callback(locust.kill)
            return locust

        yield begin


def _stopped(locust: Locust, is_so: Callable[[], bool]) -> Path:
    """The run folder, after Ctrl-C once something is so; fails where Locust was not content."""
    locust.until(is_so)
    locust.interrupt()
    code, out = locust.end()
    assert code == 0, out
    return only_run(locust.folder / "results")


def _logged(locust: Locust, size: int) -> bool:
    return any(log.stat().st_size > size for log in locust.folder.glob("results/*/log/*"))


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

ONE = """
class Person(PoolUser):
    wait_time = constant(0.2)

    @task
    def talk(self):
        note(self.client.chat("hello", **CHAT))
"""


def test_tasks_of_a_users_own_leave_each_of_their_requests_in_the_records(start: Start, sim: Sim) -> None:
    """Two user classes, weights, nested tasks, on_start, on_stop: what they were told stands there."""
    words = ("--headless", "-u", "4", "-r", "4", "--stop-timeout", "20", "--host", sim("--fleet", "l4=2"))
    locust, names = start(TWO_KINDS, *words), {"greeting", "chat", "again", "generate", "search", "score"}
    found = recorded(_stopped(locust, lambda: {line["name"] for line in locust.said()} == names))
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
    folder = _stopped(locust, lambda: _logged(locust, 8000))
    assert {"greeting", "query", "score"} <= set(recorded(folder)["traffic_class"])
    said = bench("summary", folder, cwd=tmp_path)
    assert all(name in said.out for name in ("greeting", "query", "score"))
    assert bench("report", folder, cwd=tmp_path).code == 0
    assert "greeting" in (folder / "report.html").read_text(encoding="utf-8")


def test_users_without_tasks_take_the_scenarios_turns_beside_those_with_tasks(
    start: Start, sim: Sim, tmp_path: Path
) -> None:
    """One of each: both are in the books, under one numbering."""
    text = ONE.replace("**CHAT", 'name="mine", **CHAT') + "\n\nclass Plain(PoolUser):\n    pass\n"
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
    locust = start(ONE.replace("**CHAT", 'name="mine", **CHAT'), *words)
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
    text = ONE.replace("**CHAT", 'name="talk", max_tokens=4')
    url = sim("--fleet", "l4=1", "--auth", "static", "--token-env", "MY_KEY")
    locust = start(text, "--headless", "-u", "2", "--host", url, BENCH_SCENARIO="mine.yaml")
    folder = _stopped(locust, lambda: len(locust.said()) > 5)
    found = _sent(recorded(folder), users=2)
    assert set(found["outcome"]) == {"ok"}
    assert set(found["model"]) == {"Qwen/Qwen3-4B"}
    assert "asked: 95%" in bench("summary", folder, cwd=tmp_path).out


WRONG = """
WRONG = {
    "no text": lambda client: client.chat(5, **CHAT),
    "no messages": lambda client: client.chat([], **CHAT),
    "no role": lambda client: client.chat([{"content": "x"}], **CHAT),
    "empty": lambda client: client.generate("", **CHAT),
    "no texts": lambda client: client.encode([], model="BAAI/bge-m3"),
    "empty text": lambda client: client.score("q", ["a", ""], model="BAAI/bge-m3"),
    "no model": lambda client: client.chat("x"),
    "odd name": lambda client: client.chat("x", name="a b", **CHAT),
    "odd profile": lambda client: client.chat("x", model="m", profile="a b"),
    "odd field": lambda client: client.chat("x", temperature="hot", **CHAT),
    "refused": lambda client: client.chat("x", min_p=0.5, **CHAT),
    "ours": lambda client: client.encode("x", model="BAAI/bge-m3", items=[]),
    "no JSON": lambda client: client.chat("x", thing={1, 2}, **CHAT),
    "no JSON message": lambda client: client.chat([{"role": "user", "content": {1}}], name="set", **CHAT),
    "no count": lambda client: client.chat("x", model="m", max_tokens=0),
    "two meanings": lambda client: client.generate("x", name="good", **CHAT),
}


class Person(PoolUser):
    @task
    def err(self):
        note(self.client.chat("x", name="good", **CHAT))
        for name, ask in WRONG.items():
            try:
                ask(self.client)
            except (TypeError, ValueError) as error:
                said.write(json.dumps({"wrong": name, "error": str(error)}) + "\\n")
        failed = note(self.client.chat("x", name="bad", model="nobody/knows"))
        try:
            failed.raise_for_outcome()
        except ReplyError as error:
            said.write(json.dumps({"raised": str(error)}) + "\\n")
        self.stop(force=True)
"""


def test_what_makes_no_sense_is_told_and_nothing_of_it_is_recorded(
    start: Start, sim: Sim, tmp_path: Path
) -> None:
    """A sentence with the value for each; a request that fails raises only where it is asked to."""
    locust = start(WRONG, "--headless", "-u", "1", "--host", sim("--fleet", "l4=1"))
    locust.until(lambda: any("raised" in line for line in locust.said()))
    locust.interrupt()
    assert locust.end()[0] == 1
    said = locust.said()
    wrong = {line["wrong"]: line["error"] for line in said if "wrong" in line}
    assert len(wrong) == 16
    assert "'hot'" in wrong["odd field"]
    assert "min_p" in wrong["refused"]
    assert "give another name" in wrong["two meanings"]
    folder = only_run(tmp_path / "results")
    found = recorded(folder)
    assert found["traffic_class"].tolist() == ["good", "bad"]
    classes = json.loads((folder / "run.json").read_text())["scenario"]["classes"]
    assert [traffic["name"] for traffic in classes] == ["good", "bad"]
    assert found["outcome"].tolist() == ["ok", "failed"]
    assert "404" in next(line["raised"] for line in said if "raised" in line)


EARLY = """
from locust import events

@events.init.add_listener
def early(environment, **_):
    try:
        Person(environment).client.chat("x", **CHAT)
    except RuntimeError as error:
        said.write(json.dumps({"early": str(error)}) + "\\n")


class Person(PoolUser):
    @task
    def nothing(self):
        self.wait()
"""


def test_to_ask_before_the_start_is_told_and_a_run_that_asked_nothing_reports(
    start: Start, sim: Sim, tmp_path: Path
) -> None:
    """An error that says where to ask; and a run folder with empty books."""
    locust = start(EARLY, "--headless", "-u", "1", "--host", sim("--fleet", "l4=1"))
    folder = _stopped(locust, lambda: _logged(locust, 0))
    assert "on_start" in locust.said()[0]["early"]
    assert recorded(folder).empty
    assert bench("summary", folder, cwd=tmp_path).code == 0
    assert bench("report", folder, cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (ONE, (), "give --host"),
        (ONE + "    host = 'http://a'\n\nclass B(PoolUser):\n    host = 'http://b'\n", (), "one target"),
        (ONE, ("--host", "http://127.0.0.1:1"), "nothing answers"),
        ("class Plain(PoolUser):\n    pass\n", ("--host", "http://127.0.0.1:1"), "has no tasks"),
    ],
)
def test_a_run_that_cannot_be_ends_with_2_and_a_sentence(
    start: Start, text: str, words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    """No target, two targets, or nothing to do."""
    shutil.copy(SCENARIOS / "locust" / "own-tasks.yaml", tmp_path / "none.yaml")
    locust = start(text, "--headless", "-t", "5s", *words, BENCH_SCENARIO="none.yaml")
    code, out = locust.end()
    assert code == 2, out
    assert told in out
    assert not list(tmp_path.glob("results/*"))


def test_bench_run_says_that_a_scenario_of_tasks_is_for_locust(tmp_path: Path) -> None:
    """It is sound, but holds no requests."""
    file = SCENARIOS / "locust" / "own-tasks.yaml"
    assert bench("validate", file, cwd=tmp_path).code == 0
    for command in ("run", "preview"):
        said = bench(command, file, cwd=tmp_path)
        assert said.code == 2
        assert "locust -f" in said.err
