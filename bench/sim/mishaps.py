"""What a fault plan does to one request: refuse it, or break its stream."""

from bench.sim.gateway import Exchange, version_headers
from bench.sim.reply import Envelope, RefusalError, json_reply
from bench.sim.signals import SIGNALS
from bench.sim.stream import Break, Failure


def refuse_as_planned(exchange: Exchange, operation: str, envelope: Envelope) -> None:
    """Raise the refusal that the plan has for this request, if any; it comes where a worker's would."""
    fault = exchange.gateway.faults.take(operation, "refuse")
    if fault is None:
        return
    signal, dialect = SIGNALS[fault.signal], exchange.gateway.settings.dialect
    headers = {**version_headers(dialect), **signal.headers}
    wait_s = _wait_s(exchange, fault.signal)
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    if fault.signal in dialect.header_signals:
        headers["X-SIE-Error-Code"] = fault.signal
    body = envelope.signal(signal.status, fault.signal, signal.message, **signal.extra)
    raise RefusalError(json_reply(signal.status, body, headers))


def planned_break(exchange: Exchange, operation: str) -> Break | None:
    """How the plan ends this stream before its time, if it does."""
    fault = exchange.gateway.faults.take(operation, "stream_error", "stream_cut")
    if fault is None:
        return None
    failure = stream_failure(exchange, fault.code, "server_error", f"The fault plan says {fault.code}")
    return Break(fault.after_events, failure if fault.fault == "stream_error" else None)


def stream_failure(exchange: Exchange, code: str, kind: str, message: str) -> Failure:
    """An error inside a stream, with the keys of the dialect."""
    later = {"param": None, "retry_after_s": _wait_s(exchange, code)}
    keys = exchange.gateway.settings.dialect.stream_error_keys
    return Failure(code, kind, message, {key: value for key, value in later.items() if key in keys})


def _wait_s(exchange: Exchange, signal: str) -> int | None:
    settings = exchange.gateway.settings
    contract_s = settings.dialect.retry_after_s.get(signal)
    return None if contract_s is None else settings.retry_after_s(contract_s)
