"""One step of `bench calibrate`: the null server, the drive, and the judgement on what came out."""

import json
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.analyze import Asked, judge_step, load
from bench.commands.foreign import ForeignLoad
from bench.commands.processes import Listener, drive, serving
from bench.experiment import Rung
from bench.record import RunFolder, RunInfo, Step, create_folder
from bench.scenario import Scenario

TTFT_S = 0.1
EVENTS_PER_S = 30
TOKENS = 64
STREAM_S = TTFT_S + (TOKENS - 1) / EVENTS_PER_S
"""How long a stream lasts, so how many must begin a second to keep a number of them open."""

INPUT_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Span:
    """How long a step loads: first until all its streams are open, then while it is measured."""

    opening_s: float
    measured_s: float


def run_step(rung: Rung, span: Span, event_us: float | None, results: Path, listen: Listener) -> Step | None:
    """Make one step; its run folder and truth log lie in `results`. None where it was interrupted."""
    streams, small_per_s = rung
    folder = create_folder(results, f"calibrate-{streams}-{small_per_s:g}", datetime.now(UTC))
    truth = folder.path / "truth.msgpack"
    server_core, drive_core = cores()
    with ForeignLoad() as foreign, serving(_server_options(truth), server_core) as url:
        _fill(folder, _scenario(streams, small_per_s, span, url))
        code = drive(folder.path, listen, core=drive_core)
    if code:
        return None
    return judge_step(load(folder), truth, Asked(streams, small_per_s, foreign.share, event_us))


def cores() -> tuple[int, int] | tuple[None, None]:
    """A core for the server and one for the generator; none where we may use only one."""
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[-1]) if len(ours) > 1 else (None, None)


def _server_options(truth: Path) -> list[str]:
    gap_ms = 1000 / EVENTS_PER_S
    timing = ["--null-ttft-ms", f"{TTFT_S * 1000:g}", "--null-gap-ms", str(gap_ms)]
    return ["--null", *timing, "--truth", str(truth)]


def _scenario(streams: int, small_per_s: float, span: Span, url: str) -> Scenario:
    stream_rate = streams / STREAM_S
    chat = {
        "name": "streams",
        "operation": "chat",
        "model": "null-chat",
        "weight": stream_rate,
        "input_tokens": INPUT_TOKENS,
        "output_tokens": TOKENS,
    }
    encode = {
        "name": "small",
        "operation": "encode",
        "model": "null-encode",
        "weight": small_per_s,
        "input_tokens": INPUT_TOKENS,
    }
    tree = {
        "name": "calibrate",
        "description": "Prebuilt replies at known instants, to learn how well this machine measures.",
        "duration_s": span.opening_s + span.measured_s,
        "warmup_s": span.opening_s,
        "target": {"url": url},
        "arrivals": {"process": "constant", "rate_per_s": stream_rate + small_per_s},
        "classes": [chat, encode] if small_per_s else [chat],
        "chars_per_token": 4.0,
    }
    return Scenario.model_validate_json(json.dumps(tree))


def _fill(folder: RunFolder, scenario: Scenario) -> None:
    # JSON is YAML, so the folder can be looked at like any other.
    folder.scenario_file.write_text(scenario.model_dump_json(indent=2) + "\n", encoding="utf-8")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    tree = scenario.model_dump(mode="json")
    folder.save(RunInfo(run_id=uuid.uuid4().hex, created=created, scenario=tree, command="bench calibrate"))
