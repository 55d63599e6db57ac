"""A planned request -> an Ask in the target's terms."""

from bench.protocol import Ask
from bench.scenario import Generation
from bench.workload import Planned, Texts


def ask_for(planned: Planned, texts: Texts) -> Ask:
    """A planned request in the target's terms."""
    traffic = planned.traffic
    return Ask(
        operation=traffic.operation,
        model=traffic.model,
        texts=texts.of(planned),
        stream=planned.stream,
        max_tokens=planned.out_tokens,
        sampling=_sampling(traffic) if isinstance(traffic, Generation) else {},
        pool=traffic.pool,
        profile=planned.profile,
    )


def _sampling(traffic: Generation) -> dict[str, object]:
    said = traffic.sampling.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in said.items() if value != []}


def traceparent(run_id: str, index: int, attempt: int) -> str:
    """W3C trace context: the run is the trace; the span's low 48 bits are the index, above them the attempt.

    With the attempt in it a span is never 0, which the standard forbids.
    """
    return f"00-{run_id}-{attempt << 48 | index:016x}-01"
