"""The policy file: every key has a default, every fault a sentence."""

from pathlib import Path

import pytest

from bench.analyze.gate import Clause, Policy, PolicyError, Watched, load_policy


def test_without_a_file_there_are_defaults() -> None:
    """Two looks, eight gating metrics, and a limit on errors."""
    policy = load_policy(None)
    assert policy.looks == (5, 10)
    assert sum(metric.role == "gating" for metric in policy.metrics) == 8
    assert [clause.name for clause in policy.slo] == ["error_rate <= 0.01"]
    assert policy.confirmed_rate_per_s is None


def test_an_empty_file_and_a_whole_one(tmp_path: Path) -> None:
    """Nothing said is the default; what is said replaces it."""
    (tmp_path / "empty.yaml").write_text("")
    assert load_policy(tmp_path / "empty.yaml") == Policy()
    (tmp_path / "p.yaml").write_text(
        "looks: [4]\nmetrics: [{metric: e2e.p95, traffic_class: chat, margin: 0.2}]\n"
        "slo: [{metric: attainment, limit: 0.95}]\nconfirmed_rate_per_s: 20\n"
    )
    policy = load_policy(tmp_path / "p.yaml")
    assert policy.looks == (4,)
    assert policy.metrics == (Watched(metric="e2e.p95", traffic_class="chat", margin=0.2),)
    assert policy.slo == (Clause(metric="attainment", limit=0.95),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "metrics: [{metric: ttft.p59, margin: 0.1}]",
            "metrics[0].metric: unknown metric 'ttft.p59': did you",
        ),
        ("metrics: [{metric: speed, margin: 0.1}]", "unknown metric 'speed': such as ttft.p95"),
        ("metrics: [{metric: ttft.p50}]", "metrics[0].margin"),
        ("metrics: [{metric: ttft.p50, margin: 0}]", "metrics[0].margin: 0"),
        ("metrics: [{metric: ttft.p50, margin: 0.1, role: watch}]", "no metric is gating"),
        (
            "metrics: [{metric: ttft.p50, margin: 0.1}, {metric: ttft.p50, margin: 0.2}]",
            "named twice: ttft.p50",
        ),
        ("metrics: []", "metrics: []"),
        ("metrics: [", "not valid YAML"),
        ("slo: [{metric: goodput, limit: 3}]", "unknown metric 'goodput'"),
        ("looks: [10, 5]", "each above the last"),
        ("looks: [2]", "looks[0]: 2"),
        ("looks: [3, 4, 5, 6, 7]", "one to four"),
        ("margin: 3", "margin: unknown key"),
        ("alpha: x", 'alpha: "x"'),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_every_fault_is_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    """File, key and value are named."""
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "p.yaml")
    assert sentence in str(caught.value)
    assert "p.yaml" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No default takes its place."""
    with pytest.raises(PolicyError, match=r"missing\.yaml: cannot be read"):
        load_policy(tmp_path / "missing.yaml")


def test_clauses_say_how_many_must_keep_them() -> None:
    """95 % for a p95, all but the limit for errors, the limit itself for attainment."""
    found = [
        Clause(metric="ttft.p95", traffic_class="chat", limit=0.5),
        Clause(metric="error_rate", limit=0.02),
        Clause(metric="attainment", limit=0.9),
    ]
    assert [clause.name for clause in found] == [
        "chat:ttft.p95 <= 0.5",
        "error_rate <= 0.02",
        "attainment >= 0.9",
    ]
    assert [clause.target for clause in found] == [0.95, 0.98, 0.9]
