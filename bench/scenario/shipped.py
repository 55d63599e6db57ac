"""The scenarios that come with the project."""

from pathlib import Path

import bench


def shipped(name: str) -> Path:
    """The file of a shipped scenario: beside the package in a clone, inside it where it was installed."""
    package = Path(bench.__file__).parent
    inside, beside = package / "_assets" / "scenarios" / name, package.parent / "scenarios" / name
    return inside if inside.exists() else beside
