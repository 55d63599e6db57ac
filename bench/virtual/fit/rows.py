"""The columns of requests.parquet that a fit needs, as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.metrics import Floats
from bench.record import RunFolder
from bench.virtual.fit.errors import FitError

WORDS = ("traffic_class", "operation", "model", "pool", "profile", "outcome", "tokens_source")
NUMBERS = (
    "index", "stream", "scheduled_ns", "handed_ns", "sent_ns", "first_token_ns", "last_token_ns", "end_ns",
    "events", "asked_in_tokens", "in_tokens", "out_tokens", "items_asked",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Requests of one run: words ("" where none was given), numbers (NaN), an element a request."""

    words: Mapping[str, npt.NDArray[np.str_]]
    numbers: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.numbers["index"])

    def at(self, which: npt.NDArray[Any] | slice) -> "Rows":
        """Some of them: by mask, by place or by slice."""
        return Rows(
            {name: column[which] for name, column in self.words.items()},
            {name: column[which] for name, column in self.numbers.items()},
        )


def read_rows(folder: RunFolder) -> Rows:
    """Every scheduled request. Raises FitError where there is no table of them, or a damaged one."""
    if not folder.requests_file.exists():
        raise FitError(f"{folder.path} has no requests.parquet yet: run `bench salvage {folder.path}`")
    try:
        table = pq.read_table(folder.requests_file, columns=[*WORDS, *NUMBERS])
    except (pa.ArrowException, OSError) as error:
        raise FitError(f"{folder.requests_file} is damaged ({error})") from error
    words = {name: np.array([word or "" for word in table[name].to_pylist()], np.str_) for name in WORDS}
    numbers = {name: _floats(table[name]) for name in NUMBERS}
    sent_ns = np.where(np.isnan(numbers["sent_ns"]), numbers["handed_ns"], numbers["sent_ns"])
    return Rows(words, {**numbers, "sent_ns": sent_ns})


def _floats(column: pa.ChunkedArray) -> Floats:
    """Instants up to 2**53 ns, which is a hundred days, stay exact."""
    values: Floats = column.cast(pa.float64()).to_numpy()
    return values
