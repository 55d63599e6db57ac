"""Traffic over items, in batches or in rankings: encode, score, extract, embed, rerank."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, ValidationInfo, field_validator

from bench.scenario.base import Closed, Tokens
from bench.scenario.common import CommonTraffic, Object, Text


class Batch(CommonTraffic):
    """Requests of `batch_size` items, each of `input_tokens`."""

    batch_size: PositiveInt = 1


class Ranking(CommonTraffic):
    """Requests of a query and `documents`, each of `input_tokens`."""

    documents: PositiveInt = 10
    query_tokens: Tokens = 32

    @property
    def due(self) -> int:
        """Scores that a whole answer holds."""
        return self.documents


class _Native(Closed):
    """What the gateway's own routes for items have in common."""

    wire: Literal["msgpack", "json"] = Field("msgpack", description="how bodies are written, both ways")
    instruction: Text | None = None
    options: Object = Field({}, description="the model's own options, as they are")


Vectors = Literal["dense", "sparse", "multivector"]


def _some(kinds: tuple[Vectors, ...]) -> tuple[Vectors, ...]:
    if not kinds:
        raise ValueError("name at least one of dense, sparse, multivector")
    return kinds


class EncodeTraffic(Batch, _Native):
    """Embeddings: dense, sparse, multivector."""

    operation: Literal["encode"]
    output_types: Annotated[tuple[Vectors, ...], AfterValidator(_some)] = ("dense",)
    output_dtype: Literal["float32", "float16", "int8", "uint8", "binary", "ubinary"] | None = None
    is_query: bool | None = None

    SENT = ("output_types", "instruction", "output_dtype", "is_query", "options")


class ScoreTraffic(Ranking, _Native):
    """Reranking by the gateway's own route."""

    operation: Literal["score"]

    SENT = ("instruction", "options")


class ExtractTraffic(Batch, _Native):
    """Entities, relations and the like."""

    operation: Literal["extract"]
    labels: tuple[Text, ...] = ()
    output_schema: Object | None = None

    SENT = ("labels", "output_schema", "instruction", "options")


class EmbedTraffic(Batch):
    """OpenAI embeddings."""

    operation: Literal["embed"]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: PositiveInt | None = None

    SENT = ("encoding_format", "dimensions")


class RerankTraffic(Ranking):
    """Reranking as Cohere, Jina and vLLM have it."""

    operation: Literal["rerank"]
    top_n: PositiveInt | None = None
    return_documents: bool | None = None

    SENT = ("top_n", "return_documents")

    @property
    def due(self) -> int:
        """The best of them, where the ranking is cut."""
        return self.top_n or self.documents

    @field_validator("top_n")
    @classmethod
    def _there_are_as_many(cls, top_n: int | None, info: ValidationInfo) -> int | None:
        documents = info.data.get("documents")
        if top_n is not None and documents is not None and top_n > documents:
            raise ValueError(f"top_n {top_n} is above documents {documents}")
        return top_n
