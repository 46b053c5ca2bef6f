"""The examples and the reference of WebhookEndpoints say what the operator takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from jethook_operator.api.authentication import Authentication
from jethook_operator.api.parse import parse
from jethook_operator.api.signing import Preset, Signing
from jethook_operator.api.webhookendpoint import WebhookEndpoint, WebhookEndpointSpec

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "endpoints").glob("*.yaml"))
REFERENCE = ROOT / "docs" / "endpoints.md"


def accept(document: dict[str, Any]) -> WebhookEndpointSpec:
    parsed = parse(document)
    assert isinstance(parsed, WebhookEndpoint)
    return parsed.spec


def blocks() -> Iterator[dict[str, Any]]:
    """Give each YAML block of the reference as a whole object; most show fields of a spec."""
    for text in re.findall(r"^```yaml\n(.*?)^```", REFERENCE.read_text(), re.MULTILINE | re.DOTALL):
        shown: dict[str, Any] = yaml.safe_load(text)
        yield shown if "kind" in shown else whole(shown)


def whole(spec: dict[str, Any]) -> dict[str, Any]:
    where = {} if "targets" in spec else {"url": "https://hooks.example.com/orders"}
    return {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "WebhookEndpoint",
        "metadata": {"name": "example"},
        "spec": {**where, **spec},
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_accepted_and_named_as_its_file(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    accept(document)
    assert document["metadata"]["name"] == path.stem


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_commands_of_an_example_make_and_label_each_secret_it_refers_to(path: Path) -> None:
    text = path.read_text()
    made = set(re.findall(r"create secret generic (\S+)", text))
    assert made == set(re.findall(r"label secret (\S+) jethook\.io/use=true", text))
    referred = set(re.findall(r"(?:secretRef|secretKeyRef|caRef): \{name: ([^,}]+)", text))
    assert made == referred


def test_the_examples_show_each_way_to_sign_and_to_authenticate() -> None:
    specs = [accept(yaml.safe_load(path.read_text())) for path in EXAMPLES]
    signing = [one for spec in specs for one in spec.signing]
    assert {one.scheme for one in signing} == set(get_args(Signing.model_fields["scheme"].annotation))
    assert {one.hmac.preset for one in signing if one.hmac is not None} == {*get_args(Preset), None}
    ways = [spec.authentication for spec in specs if spec.authentication is not None]
    for way in Authentication.model_fields:
        assert any(getattr(one, way) is not None for one in ways), way


def test_every_block_of_the_reference_is_accepted_and_every_field_shown() -> None:
    shown: set[str] = set()
    for document in blocks():
        accept(document)
        shown |= document["spec"].keys()
    assert shown == {str(field.alias) for field in WebhookEndpointSpec.model_fields.values()}
