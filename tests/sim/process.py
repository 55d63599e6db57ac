"""What a test holds of a running gateway."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Running:
    """A gateway process, its first line, and a client for it."""

    process: subprocess.Popen[bytes]
    said: dict[str, object]
    http: httpx.Client


Start = Callable[..., Running]
Faulty = Callable[..., Running]
