"""One request on its way through virtual time, and the Record that it becomes.  All instants are in ns."""

from array import array
from dataclasses import dataclass, field

from bench.record import Attempt, Record
from bench.scenario import Timeouts
from bench.sim.model import (
    CHARACTERS_PER_TOKEN,
    CONTRACTS,
    FIRST_CHUNK,
    INTER_CHUNK,
    OVERALL,
    Finished,
    ItemsDone,
    Job,
    Limits,
)
from bench.virtual.answers import Answer, Route
from bench.workload import Planned

NS_PER_S = 1_000_000_000
_FINEST_NS = 1_000_000
_OK = Answer("ok", None, 200, None)
_COUNTED_ITEMS = frozenset({"rerank", "embed"})


@dataclass(slots=True)
class Flight:
    """A request from its first try to its end; `job` is that of the try under way."""

    planned: Planned
    scheduled_ns: int
    route: Route
    job: Job
    sent_ns: int
    heard_ns: int
    """When its gateway last heard of the worker, or began to wait."""
    begun: bool = False
    """Whether the worker has answered anything."""
    republished: bool = False
    tries: list[Attempt] = field(default_factory=list)
    """Those that were refused and tried again."""
    event_ns: "array[int]" = field(default_factory=lambda: array("q"))
    event_chars: "array[int]" = field(default_factory=lambda: array("i"))

    def chunk(self, at_ns: int, tokens: int) -> None:
        """Some tokens left the worker."""
        self.heard_ns, self.begun = at_ns, True
        if self.route.stream and tokens:
            self.event_ns.append(at_ns)
            self.event_chars.append(tokens * CHARACTERS_PER_TOKEN)

    @property
    def first_sent_ns(self) -> int:
        """When its first try was sent."""
        return self.tries[0].sent_ns if self.tries else self.sent_ns

    def alarm(self, limits: Limits, timeouts: Timeouts) -> tuple[int, str, bool]:
        """The next instant at which somebody gives up, who calls it what, and whether it is the client."""
        by_gateway, by_client = self._gateway_alarm(limits), self._client_alarm(timeouts)
        return min((*by_gateway, False), (*by_client, True))

    def _gateway_alarm(self, limits: Limits) -> tuple[int, str]:
        first_s, inter_s, overall_s = limits.of(self.job)
        wait_s, name = (inter_s, INTER_CHUNK) if self.begun else (first_s, FIRST_CHUNK)
        overall = self.sent_ns + round(overall_s * NS_PER_S), OVERALL
        return min((self.heard_ns + round(wait_s * NS_PER_S), name), overall)

    def _client_alarm(self, timeouts: Timeouts) -> tuple[int, str]:
        overall = self.sent_ns + round(timeouts.overall_s * NS_PER_S), "overall_timeout"
        if self.event_ns:
            return min(overall, (self.event_ns[-1] + round(timeouts.token_s * NS_PER_S), "token_timeout"))
        return min(overall, (self.sent_ns + round(timeouts.first_byte_s * NS_PER_S), "first_byte_timeout"))

    def shortest_ns(self, limits: Limits, timeouts: Timeouts) -> int:
        """How soon after progress somebody may give up; limits below a millisecond are not kept as finely."""
        _, inter_s, _ = limits.of(self.job)
        return max(_FINEST_NS, round(min(inter_s, timeouts.token_s) * NS_PER_S))

    def refused(self, at_ns: int, answer: Answer) -> Attempt:
        """The try under way as a line of the attempt log."""
        return Attempt(self.sent_ns, at_ns, answer.status, answer.code, answer.retry_after_s)

    def finished(self, event: Finished | ItemsDone, dialect: str) -> Record:
        """It was served."""
        told = _told(self, event, dialect)
        return self.record(_OK, event.at_ns, **told)

    def record(self, answer: Answer, end_ns: int | None, **told: object) -> Record:
        """What became of it; `end_ns` is None where it did not end."""
        planned, traffic, events = self.planned, self.planned.traffic, self.event_ns
        tries = [*self.tries, self.refused(end_ns or self.sent_ns, answer)] if self.tries else []
        streams = self.route.stream and answer.status == 200
        known: dict[str, object] = {
            "first_token_ns": events[0] if events else None,
            "first_visible_ns": events[0] if events else None,
            "last_token_ns": events[-1] if events else None,
            "headers_ns": self.sent_ns if streams else None if answer.status is None else end_ns,
            **told,
        }
        return Record(
            index=planned.index,
            traffic_class=traffic.name,
            operation=traffic.operation,
            stream=self.route.stream,
            model=traffic.model,
            pool=traffic.pool,
            profile=planned.profile,
            user=planned.user,
            conversation=planned.conversation,
            turn=planned.turn,
            scheduled_ns=self.scheduled_ns,
            first_sent_ns=self.first_sent_ns,
            handed_ns=self.sent_ns,
            sent_ns=self.sent_ns,
            end_ns=end_ns,
            stamp_source="virtual",
            events=len(events),
            outcome=answer.outcome,
            reason=answer.reason,
            status=answer.status,
            error_code=answer.code,
            attempts=len(self.tries) + 1,
            attempt_log=tuple(tries),
            asked_in_tokens=planned.in_tokens,
            asked_out_tokens=planned.out_tokens,
            items_asked=planned.items,
            **known,  # type: ignore[arg-type]  # names of fields, each with a value of its type
        )


def _told(flight: Flight, event: Finished | ItemsDone, dialect: str) -> dict[str, object]:
    """What a whole answer says beyond its text."""
    operation, job = flight.planned.traffic.operation, flight.job
    if isinstance(event, ItemsDone):
        counts = operation in _COUNTED_ITEMS or (
            operation == "score" and CONTRACTS[dialect].tells_score_usage
        )
        counted = {"in_tokens": sum(job.item_tokens), "tokens_source": "usage"} if counts else {}
        return {
            "items_returned": flight.planned.items,
            "server_queue_ms": event.queue_ns / 1e6,
            "server_inference_ms": event.inference_ns / 1e6,
            **counted,
        }
    usage = {"in_tokens": job.prompt_tokens, "out_tokens": job.max_new_tokens, "tokens_source": "usage"}
    timed = {"server_ttft_ms": event.ttft_ns / 1e6} if operation == "generate" else {}
    return {"finish_reason": "length", **usage, **timed}
