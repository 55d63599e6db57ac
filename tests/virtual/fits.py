"""Runs of a machine whose truth is known, for fits."""

from pathlib import Path
from typing import Any

from bench.record import Fit, FittedKey, RunFolder, RunInfo
from bench.sim.model import SHIPPED
from bench.virtual import write_run
from bench.virtual.fit.fit import fit
from bench.virtual.fit.observe import Observed, observe

QWEN, LLAMA = "Qwen/Qwen3-4B", "meta-llama/Llama-3.1-8B-Instruct"
BOTH = ("memory_efficiency", "compute_efficiency")


def chat(profile: str, model: str, input_tokens: Any, output_tokens: Any) -> dict[str, Any]:
    """A class of streamed chats."""
    return {"name": "chat", "operation": "chat", "model": model, "profiles": [profile],
            "input_tokens": input_tokens, "output_tokens": output_tokens}  # fmt: skip


def around(median: int) -> dict[str, Any]:
    """Lengths that differ."""
    return {"distribution": "lognormal", "median": median, "sigma": 0.5, "max": 4000}


def measured(
    folder: Path, rate_per_s: float, traffic: dict[str, Any], truth: dict[str, float], **changes: Any
) -> RunFolder:
    """A run on one worker that in truth has these efficiencies, in virtual time."""
    profile = traffic["profiles"][0]
    folder.mkdir(parents=True)
    file = folder / "truth.yaml"
    file.write_text(
        f"profiles: {{{profile}: {{{', '.join(f'{key}: {value}' for key, value in truth.items())}}}}}"
    )
    facts = {
        "name": "measured",
        "duration_s": 90.0,
        "arrivals": {"process": "poisson", "rate_per_s": rate_per_s},
        "classes": [traffic],
        "seeds": {"arrivals": round(100 * rate_per_s), "lengths": round(100 * rate_per_s)},
        "sim": {"fleet": f"{profile}=1", "profile_file": str(file)},
    }
    run = RunFolder(folder)
    write_run(run, RunInfo(run_id="0" * 32, created="2026-11-24T10:00:00Z", scenario=facts | changes))
    return run


def observed(*runs: RunFolder) -> list[Observed]:
    """What they say."""
    return [observe(run, SHIPPED) for run in runs]


def keys(found: Fit, state: str) -> dict[str, FittedKey]:
    """Those that were fitted, not told by the runs, or held."""
    return {key.name: key for key in found.keys if key.state == state}


def found_by(runs: list[Observed], names: tuple[str, ...]) -> Fit:
    """The fit of these keys, beginning with the shipped profile."""
    return fit(runs, [], SHIPPED, names)[1]
