"""The schedule: every request and its instant, fixed from seeds before the first one is sent.

Open loop: row i is request i, due at `scheduled_ns`. Closed loop: each user has a ring of turns (class,
lengths, think time); the k-th turn of user u is request k * users + u and takes its facts from row
(k mod RING) * users + u; its instant is fixed by the drive when the user becomes ready. Texts come from the
request's index, so they do not repeat where the ring does. Classes whose lengths are given have no turns: it
is tasks of a locustfile that ask for them.
"""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from bench.scenario import ConstantArrivals, Generation, PoissonArrivals, Scenario, Traffic, is_given
from bench.workload.arrivals import NS_PER_S, Instants, constant, poisson
from bench.workload.lengths import Tokens, draw
from bench.workload.shapes import shape_of
from bench.workload.trace import Trace, read_trace

PART = 50_000
"""Rows of a part: a long schedule is never whole in a second form."""

RING = 256
"""Turns a closed-loop user has before its class, lengths and think times come round again."""

Ints = npt.NDArray[np.int64]


# Made by the ten thousand a second, and never changed.
class Planned(Struct, gc=False):
    """One request as the schedule has it."""

    index: int
    traffic: Traffic
    profile: str | None
    item_tokens: int
    out_tokens: int | None
    due_ns: int | None = None
    user: int | None = None
    think_ns: int = 0

    @property
    def items(self) -> int | None:
        """Results due: one an item of a batch; one a document, or as many as the ranking is cut to."""
        return shape_of(self.traffic).items

    @property
    def in_tokens(self) -> int | None:
        """Input tokens asked for, all items together; None where nobody counted them."""
        shape = shape_of(self.traffic)
        return shape.query_tokens + self.item_tokens * shape.texts

    @property
    def conversation(self) -> int | None:
        """Closed loop: its number, that of its first request; each request begins one."""
        return None if self.user is None else self.index

    @property
    def turn(self) -> int | None:
        """Closed loop: its number in the conversation."""
        return None if self.user is None else 0

    @property
    def stream(self) -> bool:
        """Whether the reply comes as events."""
        return shape_of(self.traffic).stream


@dataclass(frozen=True)
class Schedule:
    """Columns of equal length, one element a request (open loop) or a turn of a ring (closed loop)."""

    scenario: Scenario
    due_ns: Instants | None
    user: Ints | None
    think_ns: Ints | None
    class_number: Ints
    profile_number: Ints
    item_tokens: Tokens
    out_tokens: Tokens
    losses: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.class_number)

    @property
    def is_open(self) -> bool:
        """Whether instants are fixed before the start."""
        return self.due_ns is not None

    def planned(self, index: int) -> Planned:
        """Request `index`; in a closed loop any index of 0 or more exists."""
        classes, profile_of, item_tokens, out_tokens, due_ns, user, think_ns = self._read
        row = index % len(classes)
        traffic, profiles, generates = self._kinds[classes[row]]
        return Planned(
            index,
            traffic,
            profiles[profile_of[row]] if profiles else None,
            item_tokens[row],
            out_tokens[row] if generates else None,
            due_ns and due_ns[row],
            user and user[row],
            think_ns[row] if think_ns else 0,
        )

    @cached_property
    def _read(self) -> tuple[Any, ...]:
        """The columns as memory, of which one number is read in half of numpy's time; empty ones are None."""
        fixed = self.class_number, self.profile_number, self.item_tokens, self.out_tokens
        columns = (*fixed, self.due_ns, self.user, self.think_ns)
        return tuple(None if column is None else column.data for column in columns)

    @cached_property
    def _kinds(self) -> list[tuple[Traffic, tuple[str, ...], bool]]:
        """Each class, its profiles, and whether it generates."""
        return [(one, tuple(one.profiles), shape_of(one).generates) for one in self.scenario.classes]

    def part(self, worker: int, workers: int) -> Iterator[Planned]:
        """The requests of one of several workers of an open loop: those with index % workers == worker."""
        return map(self.planned, range(worker, len(self), workers))

    def turn(self, user: int, number: int, users: int) -> Planned:
        """The `number`-th turn of a closed-loop user."""
        return self.planned(number * users + user)

    @cached_property
    def hash(self) -> str:
        """Equal on every worker that holds the same schedule."""
        digest = hashlib.sha256(self.scenario.model_dump_json(include={"classes", "seeds"}).encode())
        for column in self._columns():
            digest.update(column.tobytes())
        return digest.hexdigest()

    def _columns(self) -> Iterator[npt.NDArray[Any]]:
        for column in (self.due_ns, self.user, self.think_ns):
            if column is not None:
                yield column
        yield from (self.class_number, self.profile_number, self.item_tokens, self.out_tokens)

    def tables(self) -> Iterator[pa.Table]:
        """The columns of schedule.parquet, a part of the rows at a time; an empty schedule has one part."""
        for first in range(0, max(1, len(self)), PART):
            rows = slice(first, first + PART)
            part = replace(
                self,
                due_ns=None if self.due_ns is None else self.due_ns[rows],
                user=None if self.user is None else self.user[rows],
                think_ns=None if self.think_ns is None else self.think_ns[rows],
                class_number=self.class_number[rows],
                profile_number=self.profile_number[rows],
                item_tokens=self.item_tokens[rows],
                out_tokens=self.out_tokens[rows],
            ).table()
            index = pa.array(np.arange(first, first + len(part)))
            yield part.set_column(part.column_names.index("index"), "index", index)

    def table(self) -> pa.Table:
        """The same in one."""
        samples = [Planned(0, traffic, None, 1, 1) for traffic in self.scenario.classes]
        per_class = pa.Table.from_pylist(
            [
                {
                    "traffic_class": sample.traffic.name,
                    "operation": sample.traffic.operation,
                    "stream": sample.stream,
                    "model": sample.traffic.model,
                    "pool": sample.traffic.pool,
                    "items_asked": sample.items,
                }
                for sample in samples
            ],
            schema=_OF_A_CLASS,
        ).take(pa.array(self.class_number))
        generates = np.array([isinstance(t, Generation) for t in self.scenario.classes], dtype=bool)
        closed = [] if self.user is None else [("user", self.user), ("think_ns", self.think_ns)]
        columns = {
            "index": np.arange(len(self)),
            **{name: per_class[name] for name in per_class.column_names},
            "profile": self._profiles(),
            "scheduled_ns": pa.nulls(len(self), pa.int64()) if self.due_ns is None else self.due_ns,
            "user": pa.nulls(len(self), pa.int32()),
            "turn": pa.nulls(len(self), pa.int16()) if self.user is None else np.zeros(len(self), np.int16),
            "think_ns": pa.nulls(len(self), pa.int64()),
            "asked_in_tokens": self._in_tokens(),
            "asked_out_tokens": pa.array(self.out_tokens, mask=~generates[self.class_number]),
            **dict(closed),
        }
        return pa.table(columns)

    def _profiles(self) -> pa.Array:
        names = [name for traffic in self.scenario.classes for name in traffic.profiles]
        starts = np.cumsum([0] + [len(traffic.profiles) for traffic in self.scenario.classes])
        named = np.diff(starts)[self.class_number] > 0
        at = np.where(named, starts[:-1][self.class_number] + self.profile_number, 0)
        return pa.array(names or [""], pa.string()).take(pa.array(at, mask=~named))

    def _in_tokens(self) -> Ints:
        """Input tokens a request, all its items together: a line in item_tokens for each class."""
        probes = [
            (Planned(0, t, None, 0, None).in_tokens, Planned(0, t, None, 1, None).in_tokens)
            for t in self.scenario.classes
        ]
        fixed, one = np.array(probes, dtype=np.int64).reshape(-1, 2).T
        asked: Ints = fixed[self.class_number] + (one - fixed)[self.class_number] * self.item_tokens
        return asked


def make_schedule(scenario: Scenario) -> Schedule:
    """Every request of a scenario, from its seeds alone.

    Raises TraceError or LengthError for files that cannot be used.
    """
    if scenario.closed_loop is not None:
        return _closed(scenario)
    due_ns, trace = _arrivals(scenario)
    class_number = _classes(scenario, len(due_ns))
    if any(traffic.every_s for traffic in scenario.classes):
        due_ns, class_number = _beside(scenario, due_ns, class_number)
    return _fill(scenario, class_number, trace, due_ns=due_ns)


def _arrivals(scenario: Scenario) -> tuple[Instants, Trace | None]:
    match scenario.arrivals:
        case ConstantArrivals():
            return constant(scenario.arrivals, scenario.duration_s), None
        case PoissonArrivals():
            return poisson(scenario.arrivals, scenario.duration_s, scenario.seeds.arrivals), None
        case None:
            raise ValueError("an open loop needs arrivals")
    trace = read_trace(scenario.arrivals, scenario.duration_s)
    return trace.due_ns, trace


def _beside(scenario: Scenario, due_ns: Instants, class_number: Ints) -> tuple[Instants, Ints]:
    """The requests of classes with `every_s` put among the arrivals; at equal instants they come later."""
    instants, numbers = [due_ns], [class_number]
    for number, traffic in enumerate(scenario.classes):
        if traffic.every_s:
            every = ConstantArrivals(process="constant", rate_per_s=1 / traffic.every_s)
            instants.append(constant(every, scenario.duration_s))
            numbers.append(np.full(instants[-1].size, number, dtype=np.int64))
    all_ns = np.concatenate(instants)
    order = np.argsort(all_ns, kind="stable")
    return all_ns[order], np.concatenate(numbers)[order]


def _closed(scenario: Scenario) -> Schedule:
    loop = scenario.closed_loop
    if loop is None:
        raise ValueError("a closed loop needs users")
    count = 0 if all(map(is_given, scenario.classes)) else RING * loop.users
    rng = np.random.default_rng([scenario.seeds.think, _THINK])
    drawn = rng.exponential(loop.think_time_s, count)
    think_s = drawn if loop.think == "exponential" else np.full(count, loop.think_time_s)
    user = np.arange(count) % loop.users
    class_number = _classes(scenario, count)
    think_ns = np.rint(think_s * NS_PER_S).astype(np.int64)
    return _fill(scenario, class_number, None, user=user, think_ns=think_ns)


def _fill(
    scenario: Scenario,
    class_number: Ints,
    trace: Trace | None,
    due_ns: Instants | None = None,
    user: Ints | None = None,
    think_ns: Ints | None = None,
) -> Schedule:
    count = len(class_number)
    item_tokens, out_tokens = np.ones((2, count), dtype=np.int32)
    profile_number = np.zeros(count, dtype=np.int64)
    beside = [number for number, traffic in enumerate(scenario.classes) if traffic.every_s]
    arrived = ~np.isin(class_number, beside)
    for number, traffic in enumerate(scenario.classes):
        mine = class_number == number
        traced = trace.in_tokens[mine[arrived]] if trace else _NOTHING
        item_tokens[mine] = draw(traffic.input_tokens, _stream(scenario, traffic, "in"), mine.sum(), traced)
        if isinstance(traffic, Generation):
            traced = trace.out_tokens[mine[arrived]] if trace else _NOTHING
            out_tokens[mine] = draw(
                traffic.output_tokens, _stream(scenario, traffic, "out"), mine.sum(), traced
            )
        profile_number[mine] = _profiles(scenario, traffic, int(mine.sum()))
    losses = trace.losses() if trace else {}
    return Schedule(
        scenario, due_ns, user, think_ns, class_number, profile_number, item_tokens, out_tokens, losses
    )


def _classes(scenario: Scenario, count: int) -> Ints:
    if not count:
        return np.empty(0, dtype=np.int64)
    weights = np.array([0.0 if is_given(t) or t.every_s else t.weight for t in scenario.classes])
    shares = np.cumsum(weights) / weights.sum()
    drawn = np.random.default_rng([scenario.seeds.classes, _CLASSES]).random(count)
    return np.searchsorted(shares[:-1], drawn, side="right").astype(np.int64)


def _profiles(scenario: Scenario, traffic: Traffic, count: int) -> Ints:
    rng = np.random.default_rng([scenario.seeds.profiles, zlib.crc32(traffic.name.encode())])
    return np.floor(rng.random(count) * max(1, len(traffic.profiles))).astype(np.int64)


def _stream(scenario: Scenario, traffic: Traffic, what: str) -> np.random.Generator:
    """A stream of its own for each class and length: adding a class changes no other's lengths."""
    return np.random.default_rng([scenario.seeds.lengths, zlib.crc32(f"{traffic.name}/{what}".encode())])


_OF_A_CLASS = pa.schema(
    [
        ("traffic_class", pa.string()),
        ("operation", pa.string()),
        ("stream", pa.bool_()),
        ("model", pa.string()),
        ("pool", pa.string()),
        ("items_asked", pa.int32()),
    ]
)
_NOTHING = np.empty(0, dtype=np.int32)
_THINK = 0x7419
_CLASSES = 0xC1A5
