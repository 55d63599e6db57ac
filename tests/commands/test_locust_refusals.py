"""What tasks of a user's own, and runs of them, cannot be."""

import json
import shutil
from pathlib import Path

import pytest

from tests.commands.cli import SCENARIOS, bench, only_run
from tests.commands.locusts import TALK, Start, logged, recorded, stopped
from tests.conftest import Sim

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
    folder = stopped(locust, lambda: logged(locust, 0))
    assert "on_start" in locust.said()[0]["early"]
    assert recorded(folder).empty
    assert bench("summary", folder, cwd=tmp_path).code == 0
    assert bench("report", folder, cwd=tmp_path).code == 0


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (TALK, (), "give --host"),
        (TALK + "    host = 'http://a'\n\nclass B(PoolUser):\n    host = 'http://b'\n", (), "one target"),
        (TALK, ("--host", "http://127.0.0.1:1"), "nothing answers"),
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
