from pathlib import Path

import pytest

from bench.analyze.plan import CAPACITY_FILE, Capacities, PlanError, load_capacities, load_prices
from bench.analyze.plan.capacity import start_of


def written(folder: Path, text: str) -> Path:
    """A file with that text."""
    file = folder / "file.yaml"
    file.write_text(text)
    return file


def test_the_shipped_prices_are_dated_and_name_their_source() -> None:
    """Every figure says of when, of which machine, how sure, and from where."""
    for price in load_prices().profiles.values():
        assert price.as_of
        assert price.machine
        assert price.certainty
        assert price.source


def test_own_prices_replace_those_they_name(tmp_path: Path) -> None:
    """A short form for one, a new profile, and the rest stays as shipped."""
    mine = load_prices(written(tmp_path, "profiles: {l4: 0.5, tpu: {per_hour: 2, as_of: 2026-10}}"))
    assert mine.profiles["l4"].per_hour == 0.5
    assert not mine.profiles["l4"].source
    assert mine.profiles["tpu"].as_of == "2026-10"
    assert mine.profiles["h100"] == load_prices().profiles["h100"]


def test_currencies_are_never_mixed(tmp_path: Path) -> None:
    """A table in another currency stands alone."""
    mine = load_prices(written(tmp_path, "currency: EUR\nprofiles: {l4: 0.5}"))
    assert (mine.currency, list(mine.profiles)) == ("EUR", ["l4"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("profiles: {l4: -1}", r"profiles.l4.per_hour: -1"),
        ("profiles: {l4: {price: 1}}", r"profiles.l4.price: unknown key"),
        ("profiles: {}", "profiles"),
        ("profiles: [", "not valid YAML"),
    ],
)
def test_broken_prices_are_refused(text: str, expected: str, tmp_path: Path) -> None:
    """The message names the key."""
    with pytest.raises(PlanError, match=expected):
        load_prices(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "one of the two"),
        ("{rate_per_s: 1, class_rates_per_s: {chat: 1}}", "one of the two"),
        ("{rate_per_s: 1, start_s: 1, starts_s: [2]}", "not both"),
        ("{rate_per_s: 1, min_replicas: 3, max_replicas: 2}", "above max_replicas"),
        ("{rate_per_s: 0}", "profiles.l4.rate_per_s"),
        ("{rate_per_sec: 1}", "unknown key"),
    ],
)
def test_broken_capacities_are_refused(text: str, expected: str, tmp_path: Path) -> None:
    """Each fault of the file is named."""
    with pytest.raises(PlanError, match=expected):
        load_capacities(written(tmp_path, f"profiles: {{l4: {text}}}"))


def test_a_capacity_file_is_found_in_its_folder_and_reads_what_is_written(tmp_path: Path) -> None:
    """What the model writes, the loader reads, as JSON."""
    kept = Capacities.model_validate({"simulated": True, "profiles": {"l4": {"rate_per_s": 2}}})
    (tmp_path / CAPACITY_FILE).write_text(kept.model_dump_json(indent=2))
    assert load_capacities(tmp_path) == kept
    with pytest.raises(PlanError, match="cannot be read"):
        load_capacities(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(("count", "covered"), [(1, 5), (5, 54), (10, 74), (20, 86), (29, 90), (59, 95)])
def test_the_longest_of_some_starts_says_what_it_covers(count: int, covered: int) -> None:
    """0.05 ** (1 / n): twenty starts cover p86 with 95 % confidence, not p95."""
    capacities = Capacities.model_validate(
        {"profiles": {"l4": {"rate_per_s": 1, "starts_s": [60.0 + i for i in range(count)]}}}
    )
    start_s, note = start_of("l4", capacities.profiles["l4"])
    assert start_s == 59 + count
    assert f"covers p{covered} at 95 % (n = {count})" in note
