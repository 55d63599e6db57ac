"""Waits for a job as a whole, as long as the gateway would."""

import asyncio
from dataclasses import replace

from bench.sim.driver import Sink
from bench.sim.gateway import Exchange
from bench.sim.limits import Watch
from bench.sim.model import ENDINGS, FIRST_CHUNK, INTER_CHUNK, OVERALL, Job, JobEvent, Lost, Verdict
from bench.sim.refusals import signal_refusal, verdict_refusal
from bench.sim.reply import Envelope
from bench.sim.truth import monotonic_ns

_LATE = {FIRST_CHUNK: "GATEWAY_TIMEOUT", INTER_CHUNK: "INTER_CHUNK_TIMEOUT", OVERALL: "OVERALL_TIMEOUT"}


class _Wait:
    """Gathers a job's events until the last, or until one of the gateway's limits."""

    def __init__(self, exchange: Exchange, job: Job, envelope: Envelope) -> None:
        self.events: list[JobEvent] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._exchange = exchange
        self._job = job
        self._envelope = envelope
        self.watch = Watch(exchange.gateway.settings.limits, job, self._expire)

    def take(self, event: JobEvent) -> None:
        """The job's sink."""
        self.events.append(event)
        self.watch.progress()
        if isinstance(event, Lost):
            self._fail("RESULT_CLOSED")
        elif isinstance(event, ENDINGS) and not self.ended.done():
            self.ended.set_result(None)

    def _expire(self, limit: str) -> None:
        if self._job.item_tokens:
            self._fail(self._exchange.gateway.settings.dialect.late_items)
        elif limit != FIRST_CHUNK or not republished(self._exchange, self._job, self.take, self.watch):
            self._fail(_LATE[limit])

    def _fail(self, signal: str) -> None:
        self.watch.stop()
        if not self.ended.done():
            self.ended.set_exception(signal_refusal(self._exchange, signal, self._envelope))


async def complete(exchange: Exchange, job: Job, envelope: Envelope) -> list[JobEvent]:
    """Submit and wait for all of a job's events; raises RefusalError when there is no result."""
    driver = exchange.gateway.driver
    wait = _Wait(exchange, job, envelope)
    try:
        verdict = driver.submit(job, wait.take, exchange.arrived_ns)
        if verdict is not Verdict.LIVE:
            raise verdict_refusal(exchange, verdict, job.lane, envelope)
        await wait.ended
    finally:
        wait.watch.stop()
        driver.cancel(job.id)
    return wait.events


def republished(exchange: Exchange, job: Job, sink: Sink, watch: Watch) -> bool:
    """Give late work of one chosen worker to all of its pool, once; whether that was done."""
    course, driver = exchange.course, exchange.gateway.driver
    if course.republished or not course.routing_key:
        return False
    course.republished = True
    now_ns = monotonic_ns()
    exchange.note("republished", 0, now_ns)
    driver.cancel(job.id)
    watch.restart()
    return driver.submit(replace(job, routing_key=""), sink, now_ns) is Verdict.LIVE
