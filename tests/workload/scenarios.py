"""Small scenarios for tests, and strategies that draw them."""

from typing import Any

from hypothesis import strategies as st

from bench.scenario import Scenario

LOGNORMAL = {"distribution": "lognormal", "median": 100, "sigma": 0.6, "min": 8, "max": 900}
CHAT: dict[str, Any] = {
    "name": "chat",
    "operation": "chat",
    "model": "qwen",
    "profiles": ["l4", "a100-40gb"],
    "input_tokens": LOGNORMAL,
    "output_tokens": LOGNORMAL,
}
GENERATE = {
    **CHAT,
    "name": "generate",
    "operation": "generate",
    "stream": False,
    "profiles": [],
    "pool": "eval",
}
ENCODE = {
    "name": "encode",
    "operation": "encode",
    "model": "bge",
    "profiles": ["l4"],
    "batch_size": 3,
    "input_tokens": {"distribution": "empirical", "values": [5, 50, 500]},
}
SCORE = {"name": "score", "operation": "score", "model": "rerank", "documents": 4, "input_tokens": 32}
EXTRACT = {
    "name": "extract",
    "operation": "extract",
    "model": "gliner",
    "labels": ["person"],
    "batch_size": 2,
    "input_tokens": 40,
}
EMBED = {"name": "embed", "operation": "embed", "model": "bge", "batch_size": 3, "input_tokens": LOGNORMAL}
RERANK = {
    "name": "rerank",
    "operation": "rerank",
    "model": "rerank",
    "documents": 5,
    "query_tokens": 20,
    "top_n": 2,
    "input_tokens": 32,
}
COMPLETION = {**CHAT, "name": "completion", "operation": "completion", "stream_usage": False}
CLASSES = (CHAT, GENERATE, ENCODE, SCORE, EXTRACT, EMBED, RERANK, COMPLETION)

POISSON = {"process": "poisson", "rate_per_s": 20}


def scenario(**said: Any) -> Scenario:
    """Ten seconds of Poisson chat, or what is said otherwise."""
    sim = {"dialect": "0.10"}  # the one that serves every operation
    tree = {"name": "test", "duration_s": 10, "classes": [CHAT], "sim": sim, **said}
    if "closed_loop" not in tree:
        tree.setdefault("arrivals", POISSON)
    return Scenario.model_validate(tree, strict=False)


def _weighted(chosen: tuple[dict[str, Any], ...], weights: list[float]) -> list[dict[str, Any]]:
    return [{**one, "weight": weight} for one, weight in zip(chosen, weights, strict=False)]


CLASS_LISTS = st.builds(
    _weighted,
    st.lists(st.sampled_from(CLASSES), min_size=1, unique_by=lambda one: one["name"]).map(tuple),
    st.lists(st.floats(0.1, 10), min_size=8, max_size=8),
)
SEEDS = st.fixed_dictionaries(
    {name: st.integers(0, 9) for name in ("arrivals", "classes", "profiles", "lengths", "think")}
)
RATES = st.floats(0.5, 200)
OPEN = st.builds(
    lambda classes, seeds, process, rate, duration: scenario(
        classes=classes, seeds=seeds, duration_s=duration, arrivals={"process": process, "rate_per_s": rate}
    ),
    CLASS_LISTS,
    SEEDS,
    st.sampled_from(["constant", "poisson"]),
    RATES,
    st.floats(0.1, 3),
)
CLOSED = st.builds(
    lambda classes, seeds, users: scenario(classes=classes, seeds=seeds, closed_loop={"users": users}),
    CLASS_LISTS,
    SEEDS,
    st.integers(1, 4),
)
