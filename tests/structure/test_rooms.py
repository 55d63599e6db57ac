"""The table of rooms holds, and would notice if it did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on a copy of the project."""
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )


def test_a_deliberate_import_from_analyze_to_drive_is_found(tmp_path: Path) -> None:
    """A copy of the project passes; with one wrong import it fails, naming the contract."""
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    assert lint(tmp_path).returncode == 0
    with (tmp_path / "bench" / "analyze" / "__init__.py").open("a") as file:
        file.write("\nimport bench.drive.session\n")
    found = lint(tmp_path)
    assert found.returncode != 0
    assert "analyze imports scenario, record, metrics" in found.stdout
    assert "BROKEN" in found.stdout
