"""Runs of one machine profile -> the profile that explains them, and how well it does."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from bench.metrics import Floats, quantile
from bench.record import Fit, FittedKey, Prediction
from bench.sim.model import CHARACTERS_PER_TOKEN, Catalog, Chip
from bench.virtual.fit.cells import Seconds
from bench.virtual.fit.errors import FitError
from bench.virtual.fit.observe import METRICS, Observed
from bench.virtual.fit.parameters import PARAMETERS, changed
from bench.virtual.fit.replay import replay
from bench.virtual.fit.sensitivity import Untold
from bench.virtual.fit.solve import SEEDS, Problem, Solution, solve

_LONG_WAY = 0.05
"""A way that takes such a share of the median reply is told."""
_FLUSHES_APART = 1.7
"""Events that hold so many times what the profile's flush rule gives are not of such a server."""


def fit(
    runs: Sequence[Observed],
    checks: Sequence[Observed],
    catalog: Catalog,
    names: Sequence[str],
    name: str | None = None,
    said: Callable[[], None] = lambda: None,
) -> tuple[Chip, Fit]:
    """Fit these parameters to `runs`, and predict `checks` too, which the fit does not see.

    Raises FitError where the runs are not of one profile or hold nothing to fit.
    """
    profile = _profile([*runs, *checks])
    for run in (*runs, *checks):
        if not any(np.isfinite(run.seconds[metric]).any() for metric in METRICS):
            raise FitError(f"{run.name}: no request after its warm-up has a latency that could be fitted")
    chip = catalog.chips[profile]
    found = solve(Problem(runs, chip, catalog, said), names)
    fitted = changed(found.chip, {name: _rounded(getattr(found.chip, name)) for name in found.errors})
    predictions = [
        prediction
        for run, checked in (*((run, False) for run in runs), *((run, True) for run in checks))
        for prediction in _predictions(run, _replays(run, fitted, catalog), checked=checked)
    ]
    notes = [note for run in (*runs, *checks) for note in (*run.notes, *_flushes(run, chip))]
    told = Fit(
        profile=profile,
        name=name or profile,
        runs=tuple(run.name for run in runs),
        requests=sum(len(run.jobs) for run in runs),
        keys=tuple(_keys(chip, fitted, found, names)),
        misfit=found.misfit,
        predictions=tuple(predictions),
        notes=tuple(dict.fromkeys([*notes, *_way(found.way_s, predictions)])),
    )
    return fitted, told


def _profile(runs: Sequence[Observed]) -> str:
    if len(profiles := sorted({run.profile for run in runs})) > 1:
        raise FitError(
            f"the runs were served by {', '.join(profiles)}; a fit is of one machine profile: give only its "
            f"runs, or --profile {profiles[0]} where a run has several"
        )
    return profiles[0]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _replays(run: Observed, chip: Chip, catalog: Catalog) -> list[Seconds]:
    return [replay(run, chip, catalog, seed) for seed in SEEDS]


def _predictions(run: Observed, replays: Sequence[Seconds], *, checked: bool) -> Iterator[Prediction]:
    models = np.array([job.model for job in run.jobs])
    for model in sorted(set(models.tolist())):
        for metric in METRICS:
            known = (models == model) & np.isfinite(run.seconds[metric])
            pooled: Floats = np.concatenate([seconds[metric][known] for seconds in replays])
            if known.any() and np.isfinite(pooled).any():
                yield Prediction(
                    run=run.name,
                    checked=checked,
                    rate_per_s=run.rate_per_s,
                    model=model,
                    metric=metric,
                    requests=int(known.sum()),
                    measured_p50_s=quantile(run.seconds[metric][known], 0.5),
                    modelled_p50_s=quantile(pooled, 0.5),
                )


def _keys(start: Chip, fitted: Chip, found: Solution, names: Sequence[str]) -> Iterator[FittedKey]:
    untold = {lost.name: lost for lost in found.untold}
    for name in PARAMETERS:
        begun, value = getattr(start, name), getattr(fitted, name)
        if name in found.errors:
            yield FittedKey(name=name, state="fitted", start=begun, value=value, error=found.errors[name])
        elif name in names:
            yield _untold(untold[name], begun)
        else:
            yield FittedKey(name=name, state="held", start=begun, value=begun)


def _untold(lost: Untold, begun: float) -> FittedKey:
    known = np.isfinite(lost.error) and lost.error < 1
    why = f"it would be uncertain by {lost.error:.0%}" if known else "it changes nothing that was measured"
    if lost.like:
        why = f"its effect cannot be told from that of {lost.like}"
    return FittedKey(
        name=lost.name,
        state="untold",
        start=begun,
        value=begun,
        error=lost.error if np.isfinite(lost.error) else None,
        sentence=f"{why}; needs {PARAMETERS[lost.name].tells}",
    )


def _way(way_s: float, predictions: Iterable[Prediction]) -> Iterator[str]:
    """Whether replies have more in them than what the machine takes, by which the model is then short."""
    shortest_s = min((one.measured_p50_s for one in predictions if one.metric != "tpot"), default=np.inf)
    if way_s > _LONG_WAY * shortest_s:
        yield (
            f"every reply seems to have {way_s * 1e3:.1f} ms in it that are not the machine's but of the way "
            "there and back; the profile leaves them out, so that short replies come sooner in the model"
        )


def _flushes(run: Observed, chip: Chip) -> Iterator[str]:
    """Whether text came in other pieces than the profile says, which would be taken for computing."""
    tpot_s = quantile(run.seconds["tpot"], 0.5)
    if np.isfinite(tpot_s) and np.isfinite(run.tokens_an_event):
        rule = max(1.0, min(chip.flush_characters / CHARACTERS_PER_TOKEN, np.ceil(chip.flush_s / tpot_s)))
        if not 1 / _FLUSHES_APART < run.tokens_an_event / rule < _FLUSHES_APART:
            yield (
                f"{run.name}: events held {run.tokens_an_event:.1f} tokens, where flush_characters "
                f"{chip.flush_characters} and flush_s {chip.flush_s:g} of {run.profile} give about "
                f"{rule:.0f}, so that TTFT is fitted to the wrong event; "
                "say in a --profile-file how the server flushes"
            )
