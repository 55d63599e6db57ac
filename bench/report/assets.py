"""Where the notebooks and their template lie: in a clone beside `bench`, in a wheel inside it."""

from pathlib import Path

import bench


def dashboards() -> Path:
    """The folder of notebooks. Raises FileNotFoundError where an installation lost it."""
    package = Path(bench.__file__).parent
    for folder in (package.parent / "dashboards", package / "_assets" / "dashboards"):
        if (folder / "run.ipynb").exists():
            return folder
    raise FileNotFoundError(f"no dashboards beside {package}: install poolbench again")
