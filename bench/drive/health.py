"""What the gateway says of its workers, once a second, on a clock of its own."""

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import gevent

from bench.drive.control import Control, TargetError
from bench.protocol import Endpoint, News, is_gateway, live_workers, serving

EVERY_S = 1.0


class HealthWatch:
    """Appends a line a second to health.jsonl until `stop`: `t_ns`, `live` (workers per profile), `serving`
    (of those, the ones that have a model loaded, per model) and `cluster`; `joined` and `loaded` name those
    that the line before did not. It was asked at `t_ns`, and had answered at `told_ns`. A simulated gateway
    also tells how `late` it was.

    A gateway that does not answer leaves a line with `error`.
    """

    def __init__(self, endpoint: Endpoint, models: Collection[str], file: Path, start_ns: int) -> None:
        self._control = Control(endpoint)
        self._models, self._file, self._start_ns = models, file, start_ns
        self._news = News()
        self.serving: dict[str, dict[str, int]] = {}
        """As it was told last."""
        self._greenlet = gevent.spawn(self._watch)

    def follow(self, model: str) -> None:
        """Tell of that model too."""
        self._models = {*self._models, model}

    def stop(self) -> None:
        """End it."""
        self._greenlet.kill()
        self._control.close()

    def _watch(self) -> None:
        with self._file.open("a", encoding="utf-8") as lines:
            while True:
                asked_ns, answer = time.monotonic_ns(), self._ask()
                told_ns = time.monotonic_ns()
                line = {"t_ns": asked_ns - self._start_ns, "told_ns": told_ns - self._start_ns, **answer}
                lines.write(json.dumps(line) + "\n")
                lines.flush()
                gevent.sleep(EVERY_S)

    def _ask(self) -> dict[str, Any]:
        try:
            answer = self._control.get("/health")
        except TargetError as error:
            return {"live": {}, "error": str(error)}
        health = answer.tree()
        if not is_gateway(health):
            return {"live": {}, "error": f"answered {answer.status}, and not as a gateway"}
        self.serving = serving(health, self._models)
        return {
            "live": live_workers(health),
            "serving": self.serving,
            "cluster": health.get("cluster"),
            **_simulated(health),
            **self._news.of(health, self._models),
        }


def _simulated(health: dict[str, Any]) -> dict[str, Any]:
    """How late a simulated gateway has been; a real one does not say."""
    told = health.get("simulated")
    return {"late": told["late"]} if isinstance(told, dict) and "late" in told else {}
