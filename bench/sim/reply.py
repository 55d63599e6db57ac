"""Whole replies and the error envelopes, of which the contract has several."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.sim.signals import Shape, Signal

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a body and the headers beyond content type and length."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusalError(Exception):
    """A request that ends with an error reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def to_json(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def json_reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, to_json(value), headers=headers or {})


def native(
    status: int, code: str, message: str, *, retry_after_s: int | None = None, **extra: object
) -> RefusalError:
    """The gateway's own envelope: `{"detail": {"code", "message", ...}}`."""
    return RefusalError(
        json_reply(status, {"detail": {"code": code, "message": message, **extra}}, _retry(retry_after_s))
    )


def openai(
    status: int,
    kind: str,
    code: str,
    message: str,
    param: str | None = None,
    retry_after_s: int | None = None,
) -> RefusalError:
    """The OpenAI envelope: `{"error": {"message", "type", "param", "code"}}`."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return RefusalError(json_reply(status, {"error": error}, _retry(retry_after_s)))


def all_items_failed(messages: list[tuple[int, str]]) -> RefusalError:
    """The worker's refusal of every item; here `error` is a string."""
    details = [{"item_index": index, "error": message} for index, message in messages]
    return RefusalError(json_reply(500, {"error": "all_items_failed", "details": details}))


def invalid_input(messages: list[tuple[int, str]]) -> RefusalError:
    """The same in later dialects: the fault of the request, not of the server."""
    return native(400, "INVALID_INPUT", "; ".join(f"item {index}: {message}" for index, message in messages))


class Envelope(Protocol):
    """The errors that every inference route can give, each in its route's shape."""

    def unknown_model(self, name: str) -> RefusalError:
        """404."""

    def invalid(self, message: str, param: str | None = None) -> RefusalError:
        """400."""

    def bad_pool(self, name: str) -> RefusalError:
        """400."""

    def unknown_gpu(self, gpu: str, configured: list[str]) -> RefusalError:
        """503 that no waiting cures."""

    def too_large(self, limit_bytes: int) -> RefusalError:
        """413."""

    def no_consumers(self, pool: str, retry_after_s: int) -> RefusalError:
        """503: nobody reads the pool's queue."""

    def unknown_pool(self, name: str) -> RefusalError:
        """404."""

    def signal(self, signal: Signal) -> dict[str, object]:
        """The body of a reply that reports what a worker or a lane said of itself."""


class NativeEnvelope:
    """Encode and score."""

    def unknown_model(self, name: str) -> RefusalError:
        """404 MODEL_NOT_FOUND."""
        return native(404, "MODEL_NOT_FOUND", f"No model is called '{name}'")

    def invalid(self, message: str, param: str | None = None) -> RefusalError:  # noqa: ARG002 - no such field here
        """400 INVALID_REQUEST."""
        return native(400, "INVALID_REQUEST", message)

    def bad_pool(self, name: str) -> RefusalError:
        """400 INVALID_REQUEST."""
        return self.invalid(f"'{name}' is no valid pool name")

    def unknown_gpu(self, gpu: str, configured: list[str]) -> RefusalError:
        """503 GPU_NOT_CONFIGURED."""
        message = f"No lane of this cluster has the machine profile '{gpu}'"
        return native(503, "GPU_NOT_CONFIGURED", message, gpu=gpu, configured_gpu_types=configured)

    def too_large(self, limit_bytes: int) -> RefusalError:
        """413 PAYLOAD_TOO_LARGE."""
        return native(413, "PAYLOAD_TOO_LARGE", f"The body is larger than {limit_bytes} bytes")

    def no_consumers(self, pool: str, retry_after_s: int) -> RefusalError:
        """503 QUEUE_UNAVAILABLE."""
        message = f"The queue of pool '{pool}' has no consumers"
        return native(503, "QUEUE_UNAVAILABLE", message, retry_after_s=retry_after_s)

    def unknown_pool(self, name: str) -> RefusalError:
        """404 POOL_NOT_FOUND."""
        return native(404, "POOL_NOT_FOUND", f"No pool is called '{name}'")

    def signal(self, signal: Signal) -> dict[str, object]:
        """`{"error": {"code", "message"}}`, but `detail` for what the gateway itself finds."""
        key = "error" if signal.shape is Shape.WORKER else "detail"
        return {key: {"code": signal.code, "message": signal.message, **signal.extra}}


class OpenAIEnvelope:
    """Chat and generate, which differ in the name of the pool parameter."""

    def __init__(self, pool_param: str) -> None:
        self._pool_param = pool_param

    def unknown_model(self, name: str) -> RefusalError:
        """404 model_not_found."""
        return openai(404, "model_not_found", "model_not_found", f"No model is called '{name}'", "model")

    def invalid(self, message: str, param: str | None = None) -> RefusalError:
        """400 invalid_request."""
        return openai(400, "invalid_request_error", "invalid_request", message, param)

    def bad_pool(self, name: str) -> RefusalError:
        """400 invalid_request."""
        return self.invalid(f"'{name}' is no valid pool name", self._pool_param)

    def unknown_gpu(self, gpu: str, configured: list[str]) -> RefusalError:
        """503 transport_failure."""
        message = f"No lane has the machine profile '{gpu}'; configured: {', '.join(configured)}"
        return openai(503, "server_error", "transport_failure", message, "X-SIE-MACHINE-PROFILE")

    def too_large(self, limit_bytes: int) -> RefusalError:
        """413 invalid_request."""
        message = f"The body is larger than {limit_bytes} bytes"
        return openai(413, "invalid_request_error", "invalid_request", message)

    def no_consumers(self, pool: str, retry_after_s: int) -> RefusalError:
        """503 transport_failure."""
        message = f"The queue of pool '{pool}' has no consumers"
        return openai(503, "server_error", "transport_failure", message, retry_after_s=retry_after_s)

    def unknown_pool(self, name: str) -> RefusalError:
        """404 pool_not_found."""
        message = f"No pool is called '{name}'"
        return openai(404, "invalid_request_error", "pool_not_found", message, self._pool_param)

    def signal(self, signal: Signal) -> dict[str, object]:
        """The usual map, with the names that such routes use."""
        error = {
            "message": signal.message,
            "type": signal.openai_type,
            "param": None,
            "code": signal.openai_code,
        }
        return {"error": {**error, **signal.extra}}


class GenerateEnvelope(OpenAIEnvelope):
    """Generate answers in the OpenAI envelope, but not when the GPU is unknown."""

    def unknown_gpu(self, gpu: str, configured: list[str]) -> RefusalError:
        """503 GPU_NOT_CONFIGURED, in the native envelope."""
        return NativeEnvelope().unknown_gpu(gpu, configured)


def _retry(retry_after_s: int | None) -> dict[str, str]:
    return {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
