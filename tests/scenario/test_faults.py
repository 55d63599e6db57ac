from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.scenario import Scenario, ScenarioError, load
from tests.scenario.files import CHAT, VALID, faults_of, said, write

MANY_FAULTS = """\
name: many
duraton_s: 5
duration_s: 5
warmup_s: 6
arrivals:
  process: constant
  rate_per_s: -1
classes:
  - name: a
    operation: chat
    model: m
    wieght: 3
    input_tokens:
      distribution: lognormal
      median: 300
      sigma: 1
      maxx: 9
    output_tokens: -5
  - name: b
    operation: chatt
  - operation: score
    name: c
    model: m
    documents: 0
    input_tokens: {distribution: lognorml, median: 3}
"""


def test_every_fault_is_told_at_once_with_its_line_value_and_nearest_name(tmp_path: Path) -> None:
    """One look at the message is enough to mend the whole file."""
    assert set(said(write(tmp_path, MANY_FAULTS))) == {
        "scenario.yaml:2: duraton_s: unknown key, with value 5; did you mean 'duration_s'?",
        "scenario.yaml:4: warmup_s: warmup_s 6 leaves nothing of duration_s 5",
        "scenario.yaml:7: arrivals.rate_per_s: -1 is refused: input should be greater than 0",
        "scenario.yaml:12: classes[0].wieght: unknown key, with value 3; did you mean 'weight'?",
        "scenario.yaml:17: classes[0].input_tokens.maxx: unknown key, with value 9; did you mean 'max'?",
        "scenario.yaml:18: classes[0].output_tokens.tokens: -5 is refused: input should be greater than 0",
        (
            "scenario.yaml:19: classes[1]: 'operation' 'chatt' is not one of "
            "'chat', 'completion', 'generate', 'encode', 'score', 'extract', 'embed', 'rerank'; "
            "did you mean 'chat'?"
        ),
        "scenario.yaml:24: classes[2].documents: 0 is refused: input should be greater than 0",
        (
            "scenario.yaml:25: classes[2].input_tokens: 'distribution' 'lognorml' is not one of "
            "'fixed', 'lognormal', 'empirical', 'trace', 'given'; did you mean 'lognormal'?"
        ),
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        (CHAT, "  []\n", 4, "classes is empty"),
        (CHAT, CHAT + CHAT, 4, "repeated: chat"),
        ("duration_s: 10", "duration_s: 10\nwarmup_s: 10", 3, "leaves nothing of duration_s 10"),
        ("classes", "closed_loop: {users: 2}\nclasses", 4, "one of arrivals (open loop) and closed_loop"),
        ("arrivals", "# ", 1, "one of arrivals (open loop) and closed_loop"),
        ("input_tokens: 64", "input_tokens: trace", 4, "need arrivals with process: trace"),
        ("input_tokens: 64", "input_tokens: given", 4, "given lengths need a closed_loop"),
        ("input_tokens: 64", "input_tokens: some", 8, "'some' is no length"),
        ("input_tokens: 64", "input_tokens: 3000000000", 8, "less than or equal to 10000000"),
        ("input_tokens: 64", "input_tokens: {distribution: empirical}", 8, "either values, or file"),
        ("input_tokens: 64", "input_tokens: {tokens: 4}", 8, "needs the key 'distribution'"),
        ("64", "{distribution: lognormal, median: 9, sigma: 1, min: 9, max: 3}", 8, "min 9 is above max 3"),
        ("64", "64\n    slo: {attainment: 0.9}", 9, "at least one of ttft_ms"),
        ("64", "64\n    stream: false\n    slo: {ttft_ms: 9}", 5, "does not stream"),
        ("duration_s: 10", "duration_s: .nan", 2, "NaN is refused"),
        ("duration_s: 10", "duration_s: '10'", 2, '"10" is refused'),
        ("duration_s: 10", "# ", 1, "duration_s: is missing"),
        ("classes", "target: {url: 'http://gateway:99999'}\nclasses", 4, "Port out of range"),
        ("classes", "target: {url: gateway}\nclasses", 4, '"gateway" is refused'),
        ("64", '64\n    profiles: ["l4\\r\\nX-Evil: 1"]', 9, "is refused"),
        ("operation: chat", "operation: encode", 9, "output_tokens: unknown key"),
    ],
)
def test_each_single_fault_names_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    """A fault in one key is told at that key's line, or at that of what it stands in."""
    (fault,) = faults_of(write(tmp_path, VALID.replace(old, new, 1)))
    assert fault.place.endswith(f"scenario.yaml:{line}")
    assert words in str(fault)


def test_an_slo_on_tokens_does_not_apply_to_an_operation_without_tokens(tmp_path: Path) -> None:
    """An encode has no first token, and the message says what to use."""
    text = VALID.replace("chat", "encode").replace("output_tokens: 16", "slo: {tpot_ms: 5}")
    (line,) = said(write(tmp_path, text))
    assert "no ttft or tpot: use e2e_ms" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"name: a\nname: b\n", 'scenario.yaml:2: not valid YAML: found duplicate key "name"'),
        (b"name: [a\nb: c\n", "not valid YAML"),
        (b"name: \x01\n", "not valid YAML"),
        (b"name: 2024-13-45\n", "not valid YAML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"- a\n", "scenario.yaml:1: a scenario is a mapping"),
        (b"", "scenario.yaml:1: a scenario is a mapping"),
        (b"? [a, b]\n: 1\n", "that JSON cannot say"),
    ],
)
def test_what_is_no_yaml_mapping_is_one_fault_on_one_line(tmp_path: Path, text: bytes, words: str) -> None:
    """The parser's own errors come out as faults of ours, never as a traceback."""
    file = tmp_path / "scenario.yaml"
    file.write_bytes(text)
    (line,) = said(file)
    assert words in line
    assert "\n" not in line


def test_a_missing_file_says_why(tmp_path: Path) -> None:
    """The operating system's reason is kept."""
    (line,) = said(tmp_path / "none.yaml")
    assert line == "none.yaml: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    "line",
    [
        "target: {api_key: hunter2}",
        "target: {api_key_env: 'hunter2-x'}",
        "target: {url: 'http://me:hunter2@h'}",
    ],
)
def test_a_credential_in_the_wrong_place_is_not_repeated(tmp_path: Path, line: str) -> None:
    """A scenario holds names of environment variables, and no fault shows what stood there instead."""
    (fault,) = said(write(tmp_path, VALID + line))
    assert fault.startswith("scenario.yaml:10: target.")
    assert "hunter2" not in fault


def test_a_credential_in_an_override_is_not_repeated(tmp_path: Path) -> None:
    """Not in the place of the fault either."""
    (fault,) = said(write(tmp_path, VALID), "target.api_key=hunter2")
    assert "target.api_key" in fault
    assert "hunter2" not in fault


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [*VALID.splitlines(keepends=True), "- ", "{", "}", "[", "&a ", "*a", "? ", ": ", "\t"]
        )
        | st.text(max_size=8),
        max_size=12,
    )
)
def test_any_text_is_a_scenario_or_a_list_of_faults(tmp_path: Path, pieces: list[str]) -> None:
    """Whatever a file says, the only exception is the declared one."""
    file = tmp_path / "scenario.yaml"
    file.write_bytes("".join(pieces).encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(load(file), Scenario)
    except ScenarioError as error:
        assert error.faults  # noqa: PT017 - both ends are right, and this one says something
