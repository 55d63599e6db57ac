"""Which runs a comparison needs: each profile at its own share of what it sustains, and all at one rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.analyze.profiles.searched import Searched
from bench.analyze.run import AnalysisError

Condition = Literal["utilisation", "rate"]
CONDITIONS: tuple[Condition, Condition] = ("utilisation", "rate")

UTILISATION = 0.7
NEARLY = 0.03
"""No search knows a rate better than by its step of 3 %."""
MOST_LOAD = 0.85
"""Above this share of a confirmed rate, runs of minutes say little of what lasts."""


@dataclass(frozen=True, slots=True)
class Design:
    """Rates are requests/s of one replica; `equal_per_s` is the same for all profiles."""

    searched: Mapping[str, Searched]
    reference: str
    utilisation: float
    equal_per_s: float

    def rate_per_s(self, condition: Condition, profile: str) -> float:
        """At which rate a replica of the profile runs; where both conditions nearly agree, the equal one."""
        own = self.utilisation * self.searched[profile].confirmed_per_s
        near = abs(own / self.equal_per_s - 1) <= NEARLY
        return self.equal_per_s if condition == "rate" or near else own

    def rates(self, profile: str) -> tuple[float, ...]:
        """At which rates a profile runs with each seed; where both conditions ask the same, one."""
        return tuple(dict.fromkeys(self.rate_per_s(condition, profile) for condition in CONDITIONS))

    def others(self) -> tuple[str, ...]:
        """The profiles that are compared with the reference."""
        return tuple(name for name in self.searched if name != self.reference)


def design_of(
    searched: Mapping[str, Searched],
    reference: str | None = None,
    rate_per_s: float | None = None,
    utilisation: float = UTILISATION,
) -> Design:
    """The design; the first profile is the reference, and the equal rate the least of what each is loaded to.

    Raises AnalysisError for a reference that is not there, and for a rate that overloads a profile.
    """
    first = next(iter(searched)) if reference is None else reference
    if first not in searched:
        raise AnalysisError(f"--reference {first}: there is {', '.join(searched)}")
    weakest = min(searched.values(), key=lambda one: one.confirmed_per_s)
    equal = utilisation * weakest.confirmed_per_s if rate_per_s is None else rate_per_s
    if equal > MOST_LOAD * weakest.confirmed_per_s and rate_per_s is not None:
        raise AnalysisError(
            f"--rate {equal:g}: a replica of {weakest.profile} is confirmed for "
            f"{weakest.confirmed_per_s:.4g}/s; ask for {MOST_LOAD:.0%} of that at most, "
            f"{MOST_LOAD * weakest.confirmed_per_s:.4g}"
        )
    return Design(searched, first, utilisation, equal)
