import copy
import inspect
import re
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from bench import scenario
from bench.scenario import Scenario, json_schema, load
from tests.scenario.files import PROJECT

SHIPPED = sorted((PROJECT / "scenarios").glob("*.yaml"))
NAMES = [file.stem for file in SHIPPED]


def _tree(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(PROJECT / "scenarios" / f"{name}.yaml")


def _models() -> list[type[BaseModel]]:
    found = [name for name in vars(scenario).values() if inspect.isclass(name)]
    return [model for model in found if issubclass(model, BaseModel)]


def test_the_promised_scenarios_are_shipped() -> None:
    """Those that the README and the docs speak of."""
    assert {"smoke", "mixed", "trace", "cold-start", "scale-out", "chat-closed-loop"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_scenario_loads_under_its_own_name(name: str) -> None:
    """And its schema, which editors use, agrees that it is valid."""
    scenario = load(PROJECT / "scenarios" / f"{name}.yaml")
    assert scenario.name == name
    jsonschema.validate(_tree(name), json_schema())


@pytest.mark.parametrize(
    "where", [(), ("arrivals",), ("classes", 0), ("classes", 0, "input_tokens"), ("sim",)]
)
def test_the_json_schema_refuses_an_unknown_key(where: tuple[str | int, ...]) -> None:
    """At every depth, as the loader does."""
    tree = copy.deepcopy(_tree("mixed"))
    place = tree
    for step in where:
        place = place[step]
    place["unheard_of"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, json_schema())


def test_a_scenario_survives_its_own_json() -> None:
    """What run.json keeps of a scenario makes the same scenario again."""
    for file in SHIPPED:
        scenario = load(file)
        assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_nothing_in_a_scenario_can_be_changed() -> None:
    """It is frozen down to its lengths."""
    scenario = load(PROJECT / "scenarios/mixed.yaml")
    for value in (scenario, scenario.seeds, scenario.classes[0], scenario.classes[0].input_tokens):
        key = next(iter(type(value).model_fields))
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, key, 5)


def test_credentials_are_only_ever_names_of_environment_variables() -> None:
    """No key of a scenario could hold a credential itself; the two that route are no credentials."""
    keys = {key for model in _models() for key in model.model_fields}
    assert {key for key in keys if re.search("key|secret|password|credential|auth", key)} == {
        *("api_key_env", "admin_key_env"),
        *("routing_key", "prompt_cache_key"),
    }


def test_every_key_of_a_scenario_is_documented() -> None:
    """docs/scenarios.md names each in backticks, under the heading of its model, with its default."""
    page = (PROJECT / "docs/scenarios.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(_models()) > 15
    for model in _models():
        for key, field in model.model_fields.items():
            mine = [row for row in rows if row.startswith(f"| `{key}` ")]
            assert mine, f"{model.__name__}.{key} is not in docs/scenarios.md"
            if isinstance(field.default, str | int | float) and field.default != "":
                said = (
                    f"{field.default:g}" if isinstance(field.default, float) else str(field.default).lower()
                )
                assert any(f"`{said}`" in row for row in mine), f"default {said} of {model.__name__}.{key}"
