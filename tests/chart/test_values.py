"""The schema knows every value and refuses what is not understood; what a schema cannot say is said with its cure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hack import chart_crds, chart_readme
from tests.chart.chart import CHART, template

NATS = 'nats.url="nats://nats.example:4222"'
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# What Kubernetes itself defines, and what a parent chart may give to all: open on purpose.
OPEN = ("/definitions/ofKubernetes", "/properties/global")


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["nats={}"], "where is NATS? set nats.url"),
        (["nats.enabled=true"], "unset one of them"),
        (['nats.url=""', "nats.enabled=true", "settings.streamReplicas=3"], "give nats.url for more"),
        (['nats.url=""', "nats.enabled=true", 'nats.credentialsSecret="x"'], "neither users nor TLS"),
        (['operator.podDisruptionBudget={"minAvailable": "50%", "maxUnavailable": 1}'], "not both"),
        (["nats.urls=[]"], "at '/nats': additional properties 'urls' not allowed"),
        (["operator.replica=2"], "at '/operator': additional properties 'replica' not allowed"),
        (["crd.enabled=true"], "additional properties 'crd' not allowed"),
        (["operator.replicas=-1"], "at '/operator/replicas': minimum: got -1, want 0"),
        (['nats.url="http://nats.example"'], "at '/nats/url': 'http://nats.example' does not match pattern"),
        (['nats.url="nats://user:word@nats.example"'], "at '/nats/url'"),
        (["settings.streamReplicas=2"], "at '/settings/streamReplicas': value must be one of 1, 3, 5"),
        (["settings.eventsMaxBytes=1000"], "at '/settings/eventsMaxBytes': minimum: got 1,000"),
        (['image.pullPolicy="Sometimes"'], "at '/image/pullPolicy': value must be one of"),
        (['image.digest="sha256:12"'], "at '/image/digest'"),
        (["commonLabels.team=7"], "at '/commonLabels/team': got number, want string"),
        (['operator.resources.requests.cpu="much"'], "at '/operator/resources/requests/cpu'"),
        (['operator.tolerations=[{"keys":"x"}]'], "additional properties 'keys' not allowed"),
        (['secrets.namespaces=["team-a"]'], "cannot be confined to namespaces yet"),
        (['secrets.namespaces=["Not_A_Name"]'], "at '/secrets/namespaces/0'"),
    ],
)
def test_wrong_values_are_refused_with_the_place_and_the_fault(sets: list[str], said: str) -> None:
    done = template(sets=[NATS, *sets])
    assert done.returncode != 0
    assert said in done.stderr


def test_without_any_value_the_error_says_what_is_needed() -> None:
    done = template()
    assert done.returncode != 0
    assert "set nats.url to your servers (nats://nats.example:4222), or nats.enabled=true" in done.stderr


def test_the_schema_is_closed_everywhere() -> None:
    for path, node in _objects(SCHEMA):
        if path not in OPEN:
            assert node.get("additionalProperties") is not None, path
            assert node["additionalProperties"] is False or "properties" not in node, path


def test_the_schema_has_exactly_the_values_that_there_are() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    _same(values, SCHEMA, path="")


def test_the_readme_and_the_crds_are_what_they_are_made_from() -> None:
    for path, text in {**chart_readme.files(), **chart_crds.templates()}.items():
        assert path.read_text() == text, f"{path.name}: run make generate"


def _same(values: dict[str, Any], schema: dict[str, Any], *, path: str) -> None:
    """Compare the keys of groups; a leaf or a free map ends it."""
    node = _resolved(schema)
    known = node.get("properties", {})
    assert set(values) <= set(known), path
    if path not in {"/operator/resources", "/nats/server/resources", "/operator/podDisruptionBudget"}:
        assert set(known) - {"global"} == set(values), path
    for name, value in values.items():
        child = _resolved(known[name])
        if isinstance(value, dict) and "properties" in child and value:
            _same(value, child, path=f"{path}/{name}")


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    found: dict[str, Any] = SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema
    return found


def _objects(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for name, child in schema.items():
            yield from _objects(child, f"{path}/{name}")
    elif isinstance(schema, list):
        for child in schema:
            yield from _objects(child, path)
