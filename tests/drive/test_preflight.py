"""What is said before the start, so that nobody waits for a run that cannot work."""

from pathlib import Path

import pytest

from tests.conftest import Sim
from tests.drive.runs import FLEET, SCENARIO, Drive, drive, prepared

SHORT = ("duration_s=1", "drain_s=5")


def warnings(path: Path, url: str, *changes: str) -> list[str]:
    """What a short run was warned of."""
    folder = prepared(path, url, SCENARIO, *SHORT, *changes)
    drive(folder)
    return folder.info().warnings


def test_a_0_4_gateway_scales_nothing_up_without_a_profile(sim: Sim, tmp_path: Path) -> None:
    """Such demand never wakes a lane there, so the sentence says what to do; later gateways wake one."""
    cold = ("--fleet", "a100-40gb=0..1")
    early = warnings(tmp_path / "early", sim(*cold), "classes.chat.profiles=[]")
    assert any("scales nothing up for such requests: name a profile" in line for line in early)
    later = warnings(tmp_path / "later", sim(*cold, "--dialect", "0.10"), "classes.chat.profiles=[]")
    assert not any("name a profile" in line for line in later)


def test_a_profile_whose_workers_serve_other_models_is_absent(sim: Sim, tmp_path: Path) -> None:
    """The a100 that encodes cannot generate, so an l4 would answer for it, and the warning says so."""
    url = sim("--fleet", "l4/sglang=1,a100-40gb/default=1")
    said = warnings(tmp_path, url)[0]
    assert "profile a100-40gb has no live worker that serves Qwen/Qwen3-4B" in said
    assert "lets other profiles (l4) answer for it" in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("classes.chat.model=BAAI/bge-m3", "class chat: model 'BAAI/bge-m3' cannot do chat: it gives dense"),
        ("classes.chat.model=qwen__qwen3-4b", None),
    ],
)
def test_a_model_must_be_able_to_do_what_is_asked(
    change: str, sentence: str | None, sim: Sim, tmp_path: Path
) -> None:
    """One sentence with class, model and what it gives; other spellings of a good one are fine."""
    url = sim("--fleet", "a100-40gb=1")
    code, _, err = Drive(prepared(tmp_path, url, SCENARIO, *SHORT, change)).end()
    assert code == (2 if sentence else 0)
    assert (sentence or "") in err


@pytest.mark.parametrize(
    ("options", "told", "found"),
    [
        ((), "auto", ("0.4", "version")),
        (("--dialect", "0.10"), "auto", ("0.10", "version")),
        (("--dialect", "0.10"), "'0.4'", ("0.4", "told")),
    ],
)
def test_the_dialect_is_found_out_or_told(
    options: tuple[str, ...], told: str, found: tuple[str, str], sim: Sim, tmp_path: Path
) -> None:
    """What was told wins over the version; both stand in run.json."""
    url = sim("--fleet", "a100-40gb=1", *options)
    folder = prepared(tmp_path, url, SCENARIO, *SHORT, f"target.dialect={told}")
    drive(folder)
    target = folder.info().target
    assert target is not None
    assert (target.dialect, target.dialect_source) == found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("classes.chat.sampling={min_tokens: 2}", "the gateway's chat at 0.4 refuses min_tokens (400)"),
        (
            "classes=[{name: r, operation: rerank, model: BAAI/bge-reranker-v2-m3, input_tokens: 9}]",
            "a gateway of dialect 0.4 has no /v1/rerank: use operation: score",
        ),
    ],
)
def test_what_the_dialect_that_was_found_refuses_is_no_run(
    change: str, sentence: str, sim: Sim, tmp_path: Path
) -> None:
    """A later gateway takes it; this one would refuse every request, so none is sent."""
    early = Drive(prepared(tmp_path / "early", sim(*FLEET), SCENARIO, *SHORT, change)).end()
    assert early[0] == 2
    assert sentence in early[2]
    later = Drive(
        prepared(tmp_path / "later", sim(*FLEET, "--dialect", "0.10"), SCENARIO, *SHORT, change)
    ).end()
    assert later[0] == 0


def test_the_template_of_a_chat_does_not_shorten_its_texts(sim: Sim, tmp_path: Path) -> None:
    """2,000 tokens are asked and come, and the template's eight; with that in the length sixty are lost."""
    folder = prepared(tmp_path, sim(*FLEET), SCENARIO, *SHORT, "classes.chat.input_tokens=2000")
    requests = drive(folder)
    assert len(requests) == 10
    assert (requests["in_tokens"] - requests["asked_in_tokens"]).between(6, 10).all()
