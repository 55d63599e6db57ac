"""Run a notebook in a kernel of its own and turn it into one self-contained HTML file.

NotebookError   a cell failed, or the kernel died; the message holds the cell's own error
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

from bench.report.assets import dashboards

CELL_LIMIT_S = 600


class NotebookError(Exception):
    """A notebook that did not run to its end."""


def to_html(name: str, title: str, parameters: Mapping[str, str]) -> str:
    """Run `dashboards/<name>` with environment variables set; the page as text.

    The kernel is this very interpreter. Whatever it writes besides its outputs goes to a temporary folder.
    """
    notebook = nbformat.read(dashboards() / name, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="poolbench-") as scratch:
        _execute(notebook, name, Path(scratch), parameters)
    notebook.metadata["title"] = title
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        extra_template_basedirs=[str(dashboards())], template_name="template"
    )
    page, _ = exporter.from_notebook_node(notebook)
    return str(page)


def _execute(notebook: Any, name: str, scratch: Path, parameters: Mapping[str, str]) -> None:
    manager = AsyncKernelManager(
        kernel_name="poolbench",
        kernel_spec_manager=_kernel_spec(scratch),
        connection_file=str(scratch / "kernel.json"),
    )
    client = NotebookClient(notebook, km=manager, timeout=CELL_LIMIT_S, shutdown_kernel="immediate")
    with (scratch / "kernel.txt").open("w+", encoding="utf-8") as said:
        try:
            client.execute(cleanup_kc=True, env=_environment(scratch, parameters), stdout=said, stderr=said)
        except CellExecutionError as error:
            raise NotebookError(f"{name}: {error.ename}: {error.evalue}\n{error.traceback}") from None
        except CellTimeoutError:
            raise NotebookError(f"{name}: a cell ran for more than {CELL_LIMIT_S} s") from None
        except (DeadKernelError, RuntimeError) as error:
            said.seek(0)
            raise NotebookError(
                f"{name}: the kernel died: {error}; it said: {said.read()[-2000:]}"
            ) from error


def _kernel_spec(scratch: Path) -> KernelSpecManager:
    """A kernel that is this interpreter, known to nobody else."""
    folder = scratch / "kernels" / "poolbench"
    folder.mkdir(parents=True)
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "poolbench", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return KernelSpecManager(kernel_dirs=[str(folder.parent)], ensure_native_kernel=False)


def _environment(scratch: Path, parameters: Mapping[str, str]) -> dict[str, str]:
    homes = {
        name: str(scratch / name.lower())
        for name in (
            "IPYTHONDIR",
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "MPLCONFIGDIR",
        )
    }
    return {**os.environ, **homes, "MPLBACKEND": "svg", **parameters}
