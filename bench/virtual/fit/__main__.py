"""`python -m bench.virtual.fit`: reads a FitJob as JSON from stdin and leaves a profile file and its JSON.

Says a JSON object a line: `{"looks": n}` now and then, at the end `{"fit": ...}`, or `{"error": ...}` and
exit code 2.
"""

import json
import sys
from typing import Any

from bench.record import Fit, FolderError, RunFolder, replace
from bench.sim.model import SHIPPED, CatalogError, load_catalog
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.fit import fit
from bench.virtual.fit.job import FitJob
from bench.virtual.fit.observe import observe
from bench.virtual.fit.write import profile_text


def main() -> int:
    """The exit code."""
    try:
        done = _fitted(FitJob.model_validate_json(sys.stdin.readline()))
    except (CatalogError, FitError, FolderError) as error:
        _say(error=str(error))
        return 2
    _say(fit=done.model_dump(mode="json"))
    return 0


def _fitted(job: FitJob) -> Fit:
    catalog = load_catalog(job.profile_file, SHIPPED) if job.profile_file else SHIPPED
    runs, checks = (
        [observe(RunFolder(path), catalog, job.profile, job.workers) for path in paths]
        for paths in (job.runs, job.checks)
    )
    looks = 0

    def said() -> None:
        nonlocal looks
        looks += 1
        _say(looks=looks)

    chip, found = fit(runs, checks, catalog, job.parameters, job.name, said)
    found = found.model_copy(update={"notes": (*job.notes, *found.notes)})
    models = sorted({item.model for run in runs for item in run.jobs})
    replace(job.out, profile_text(found, chip, catalog, models))
    replace(job.out.with_suffix(".json"), found.model_dump_json(indent=2) + "\n")
    return found


def _say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
