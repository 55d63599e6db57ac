"""Drives the model by the wall clock and hands each job's events to whoever waits for them."""

from collections.abc import Callable
from itertools import count

from bench.sim.alarm import Alarm
from bench.sim.model import ENDINGS, Fleet, Job, JobEvent, Lane, Verdict, WorkerEvent
from bench.sim.truth import monotonic_ns

Sink = Callable[[JobEvent], None]
WorkerSink = Callable[[WorkerEvent], None]
Change = Callable[[Fleet, int], None]


class Driver:
    """One alarm on the event loop, always set to the model's next instant.

    Sinks are called directly, without a task switch, so that a chunk costs one callback and one write. What
    came at `came_ns` is the model's from then on, however long it took to read, unless the model is beyond.
    """

    def __init__(self, fleet: Fleet, on_worker: WorkerSink) -> None:
        self.fleet = fleet
        self._on_worker = on_worker
        self._sinks: dict[int, Sink] = {}
        self._alarm = Alarm(self._tick)
        self._ids = count()
        self._tick()

    def new_id(self) -> int:
        """A job number that was not used before."""
        return next(self._ids)

    def submit(self, job: Job, sink: Sink, came_ns: int) -> Verdict:
        """Hand the job to the fleet; if it is LIVE, its events will go to the sink."""
        self._sinks[job.id] = sink
        verdict = self.fleet.submit(max(came_ns, self.fleet.at_ns), job)
        if verdict is not Verdict.LIVE:
            del self._sinks[job.id]
        self._arm()
        return verdict

    def cancel(self, job_id: int) -> None:
        """Forget a job whose client has gone; a finished one is ignored."""
        if self._sinks.pop(job_id, None) is not None:
            self.fleet.cancel(monotonic_ns(), job_id)
            self._arm()

    def change(self, change: Change) -> None:
        """Do something to the fleet at this instant."""
        change(self.fleet, monotonic_ns())
        self._arm()

    def demand(self, lane: Lane, came_ns: int) -> Verdict:
        """Whether the lane can serve now; asking may start a worker."""
        verdict = self.fleet.demand(max(came_ns, self.fleet.at_ns), lane)
        self._arm()
        return verdict

    def close(self) -> None:
        """Stop the alarm."""
        self._alarm.close()

    def _tick(self) -> None:
        for event in self.fleet.advance(monotonic_ns()):
            if isinstance(event, WorkerEvent):
                self._on_worker(event)
                continue
            ended = isinstance(event, ENDINGS)
            sink = self._sinks.pop(event.job_id, None) if ended else self._sinks.get(event.job_id)
            if sink:
                sink(event)
        self._arm()

    def _arm(self) -> None:
        self._alarm.set(self.fleet.next_ns())
