"""The one error of fitting."""


class FitError(Exception):
    """Runs that cannot be fitted; one sentence that says which, why, and what to do."""
