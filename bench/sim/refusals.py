"""A signal or a verdict of the model, as the reply that a client gets in this dialect on this route."""

from bench.sim.gateway import Exchange, version_headers
from bench.sim.lookup import cold_refusal, no_consumers
from bench.sim.model import Lane, Verdict
from bench.sim.reply import Envelope, GenerateEnvelope, NativeEnvelope, RefusalError, Reply, json_reply
from bench.sim.signals import SIGNALS, Shape, Signal

_NONE = "none"
_VERDICTS = {
    Verdict.FULL: "BACKPRESSURE",
    Verdict.NO_ROOM: "RATE_LIMIT_EXCEEDED",
    Verdict.LOADING: "MODEL_LOADING",
    Verdict.LOAD_FAILED: "MODEL_LOAD_FAILED",
}


def signal_refusal(exchange: Exchange, name: str, envelope: Envelope, retry_after: str = "") -> RefusalError:
    """The signal of this name; `retry_after` replaces the contract's advice, `none` leaves it out."""
    if name == "PROVISIONING":
        native = isinstance(envelope, NativeEnvelope | GenerateEnvelope)
        cold = cold_refusal(exchange, exchange.course.lane, envelope, native_route=native)
        return _advised(cold.reply, retry_after)
    signal, dialect = SIGNALS[name], exchange.gateway.settings.dialect
    if signal.shape is Shape.PAGE:
        return _advised(_page(signal), retry_after)
    headers = {**version_headers(dialect), **signal.headers}
    wait_s = exchange.gateway.settings.advice_s(name)
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    if name in dialect.header_signals:
        headers["X-SIE-Error-Code"] = signal.code
    return _advised(json_reply(signal.status, _body(signal, envelope), headers), retry_after)


def verdict_refusal(exchange: Exchange, verdict: Verdict, lane: Lane, envelope: Envelope) -> RefusalError:
    """What a publish that was not taken comes back as."""
    name = _VERDICTS.get(verdict)
    return signal_refusal(exchange, name, envelope) if name else no_consumers(exchange, lane, envelope)


def _body(signal: Signal, envelope: Envelope) -> object:
    if signal.shape is Shape.ITEMS:
        errors = [SIGNALS["MODEL_LOADING"], SIGNALS["INFERENCE_ERROR"]]
        details = [{"item_index": i, "error": e.message, "code": e.code} for i, e in enumerate(errors)]
        return {"error": signal.code, "details": details}
    return (NativeEnvelope() if signal.shape is Shape.AUTH else envelope).signal(signal)


def _page(signal: Signal) -> Reply:
    text = f"<html><body><h1>{signal.status} {signal.message}</h1></body></html>\n"
    return Reply(signal.status, text.encode(), "text/html")


def _advised(reply: Reply, retry_after: str) -> RefusalError:
    if not retry_after:
        return RefusalError(reply)
    headers = {key: value for key, value in reply.headers.items() if key != "Retry-After"}
    advice = {} if retry_after == _NONE else {"Retry-After": retry_after}
    return RefusalError(Reply(reply.status, reply.body, reply.content_type, headers | advice))
