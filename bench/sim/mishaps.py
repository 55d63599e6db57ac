"""Matches one request with the fault plan: once where a worker would answer, once more if it is a stream."""

from bench.sim.gateway import Exchange
from bench.sim.refusals import signal_refusal
from bench.sim.reply import Envelope
from bench.sim.stream import Break, stream_failure

_TURNS = ("stream_error", "stream_cut", "drop", "hang", "garbage")


def refuse_as_planned(exchange: Exchange, operation: str, envelope: Envelope) -> None:
    """Find the faults that meet this request; raise the refusal if one is among them."""
    course = exchange.course
    for fault in exchange.gateway.faults.meet(operation, course, streams=False):
        course.faults[fault.fault] = fault
    refusal = course.faults.get("refuse")
    if refusal:
        raise signal_refusal(exchange, refusal.signal, envelope, refusal.retry_after)


def planned_break(exchange: Exchange, operation: str) -> Break | None:
    """Find the faults that meet this stream; the result is the first turn that they give it."""
    met = exchange.gateway.faults.meet(operation, exchange.course, streams=True)
    faults = exchange.course.faults
    faults |= {fault.fault: fault for fault in met if fault.fault not in _TURNS}
    turns = [fault for fault in (*met, *faults.values()) if fault.fault in _TURNS]
    if not turns:
        return None
    first = min(turns, key=lambda fault: fault.after_events or 0)
    failure = stream_failure(exchange, first.code, "server_error", f"The fault plan says {first.code}")
    return Break(first.after_events or 0, first.fault, first.how, failure)
