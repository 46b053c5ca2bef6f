"""The examples and the reference of Subscriptions say what the operator takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription, SubscriptionSpec
from jethook_operator.core.selection import check_expressions

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "subscriptions").glob("*.yaml"))
REFERENCE = ROOT / "docs" / "subscriptions.md"


def blocks() -> Iterator[dict[str, Any]]:
    """Give each YAML block of the reference as a whole object; most show fields of a spec."""
    for text in re.findall(r"^```yaml\n(.*?)^```", REFERENCE.read_text(), re.MULTILINE | re.DOTALL):
        shown: dict[str, Any] = yaml.safe_load(text)
        yield shown if "kind" in shown else whole(shown)


def whole(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": "Subscription",
        "metadata": {"name": "example"},
        "spec": {"endpointRef": {"name": "crm"}, "eventTypes": ["a"], **spec},
    }


def accept(document: dict[str, Any]) -> SubscriptionSpec:
    parsed = parse(document)
    assert isinstance(parsed, Subscription)
    check_expressions(parsed.spec)
    return parsed.spec


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_accepted(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        accept(document)


def test_every_block_of_the_reference_is_accepted_and_every_field_shown() -> None:
    shown: set[str] = set()
    for document in blocks():
        accept(document)
        shown |= document["spec"].keys()
    assert shown == {field.alias for field in SubscriptionSpec.model_fields.values()}


def test_the_examples_show_each_way_of_grouping() -> None:
    specs = [accept(yaml.safe_load(path.read_text())) for path in EXAMPLES]
    for field in ("filter", "ordering", "merge", "batch"):
        assert any(getattr(spec, field) is not None for spec in specs), field
