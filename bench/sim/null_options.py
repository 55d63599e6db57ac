"""The options of `--null`.

NullOptionError   one that makes no sense; one sentence
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

_MOST_MS = 60_000.0


class NullOptionError(ValueError):
    """An option with its value, and what it may be."""


@dataclass(frozen=True, slots=True)
class NullOptions:
    """What the command line decides."""

    host: str
    port: int
    ttft_ms: float
    gap_ms: float
    truth_path: Path | None
    until_stdin_closes: bool


def add_null_options(parser: argparse.ArgumentParser) -> None:
    """Add `--null` and what belongs to it."""
    add = parser.add_argument_group("without a model").add_argument
    add("--null", action="store_true", help="prebuilt events on a grid, kernel stamps as truth; no fleet")
    add("--null-ttft-ms", type=float, default=100.0, help="time to the first event (default %(default)s)")
    add("--null-gap-ms", type=float, default=100 / 3, help="time between events (default %(default).3f)")


def null_options(args: argparse.Namespace, host: str) -> NullOptions:
    """The options of a parsed command line; `host` was checked. Raises NullOptionError."""
    for name, value in (("ttft", args.null_ttft_ms), ("gap", args.null_gap_ms)):
        if not 1 <= value <= _MOST_MS:
            raise NullOptionError(f"--null-{name}-ms {value:g} is not between 1 and {_MOST_MS:g} ms")
    if not 0 <= args.port <= 65535:
        raise NullOptionError(f"--port {args.port} is not between 0 and 65535")
    return NullOptions(
        host=host,
        port=args.port,
        ttft_ms=args.null_ttft_ms,
        gap_ms=args.null_gap_ms,
        truth_path=args.truth,
        until_stdin_closes=args.until_stdin_closes,
    )
