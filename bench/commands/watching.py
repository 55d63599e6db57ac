"""A run of a search that is certain to fail need not be borne to its end."""

from dataclasses import dataclass, field
from typing import Any

from bench.analyze import Count, hopeless


@dataclass(slots=True)
class Watch:
    """Hears what the drive says; true once, as soon as the run is hopeless.

    `gave_up`: it was; `interrupted`: the user wanted to stop, whatever we did.
    """

    warmup_s: float
    duration_s: float
    gave_up: bool = False
    interrupted: bool = False
    _counts: list[Count] = field(default_factory=list)

    def __call__(self, line: dict[str, Any]) -> bool:
        """Take a line of the drive."""
        match line:
            case {"interrupt": _}:
                self.interrupted = True
            case {"progress": progress} if self.warmup_s <= progress["elapsed_s"] < self.duration_s:
                self._counts.append(Count(progress["elapsed_s"], progress["sent"], progress["in_flight"]))
                return self._decide()
        return False

    def _decide(self) -> bool:
        if self.gave_up or self.interrupted:
            return False
        self.gave_up = hopeless(self._counts)
        return self.gave_up
