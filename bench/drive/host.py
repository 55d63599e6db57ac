"""Where a run was made: machine, versions, commit."""

import os
import platform
import subprocess
from importlib import metadata
from typing import Any

from bench.record import cpu_model

PACKAGES = ("poolbench", "locust", "gevent", "httptools", "httpx", "msgpack", "numpy", "pyarrow")


def host() -> dict[str, Any]:
    """Machine and kernel, as far as Linux tells."""
    return {
        "node": platform.node(),
        "kernel": platform.release(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Python and the packages that measure."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def git() -> dict[str, Any]:
    """Commit of the working directory; empty outside a repository or without git."""
    commit = _git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain"))} if commit else {}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603, S607 - words are ours
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
