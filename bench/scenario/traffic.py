"""What is sent, class by class: one kind an operation."""

from bench.scenario.generation import ChatTraffic, CompletionTraffic, GenerateTraffic, Generation
from bench.scenario.items import EmbedTraffic, EncodeTraffic, ExtractTraffic, RerankTraffic, ScoreTraffic
from bench.scenario.lengths import GivenLength, SpelledOut

Traffic = (
    ChatTraffic
    | CompletionTraffic
    | GenerateTraffic
    | EncodeTraffic
    | ScoreTraffic
    | ExtractTraffic
    | EmbedTraffic
    | RerankTraffic
)


def is_given(traffic: Traffic) -> bool:
    """Whether its texts come from tasks of a locustfile, so that no schedule has requests of it."""
    return any(isinstance(length, GivenLength) for length in lengths_of(traffic))


def lengths_of(traffic: Traffic) -> list[SpelledOut]:
    """Input and, where there is one, output."""
    if isinstance(traffic, Generation):
        return [traffic.input_tokens, traffic.output_tokens]
    return [traffic.input_tokens]
