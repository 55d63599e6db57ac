"""What `bench fit` asks of the process that fits."""

from pathlib import Path

from pydantic import BaseModel


class FitJob(BaseModel):
    """Folders of runs, where the fit begins, what it may turn, and where the profile goes."""

    runs: tuple[Path, ...]
    checks: tuple[Path, ...] = ()
    profile: str | None = None
    workers: int = 0
    profile_file: Path | None = None
    parameters: tuple[str, ...]
    name: str | None = None
    out: Path
    notes: tuple[str, ...] = ()
