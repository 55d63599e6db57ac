"""`python -m bench.virtual.curves docs/curves`: the figures of docs/curves.md, and their points as CSV.

Takes a few minutes of one core.
"""

import csv
import re
import sys
from dataclasses import asdict, fields
from pathlib import Path

from bench.virtual.curves.draw import Curves, draw
from bench.virtual.curves.points import CASES, Point, doubted_curves


def main(folder: Path) -> None:
    """Leave points.csv, and a figure a model."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Curves]] = {}
    for case in CASES:
        print(f"{case.model} on {case.profile} ...", flush=True)
        found.setdefault(case.model, []).append(doubted_curves(case))
    for model, curves in found.items():
        draw(model, curves, folder / f"{file_stem(model)}.svg")
    _write(folder / "points.csv", [p for curves in found.values() for triple in curves for p in triple[0]])


def file_stem(model: str) -> str:
    """The model's name without its maker, as a file may be called."""
    return re.sub(r"[^a-z0-9.]+", "-", model.split("/")[-1].lower())


def _write(file: Path, points: list[Point]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.DictWriter(lines, [field.name for field in fields(Point)], lineterminator="\n")
        rows.writeheader()
        for point in points:
            rows.writerow({name: _short(value) for name, value in asdict(point).items()})


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/curves"))
