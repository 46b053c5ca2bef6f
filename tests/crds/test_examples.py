"""The examples beside this file, given to the real API server and to `parse`: both decide alike."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.kubernetes import ApiServer
from jethook_contract.errors import Invalid
from jethook_operator.api.crdgen import crd
from jethook_operator.api.parse import KINDS, parse

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.yaml"))
VALID = sorted((HERE / "valid").glob("*.yaml"))


def names(path: Path) -> str:
    return path.stem


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def comment(path: Path, *keys: str) -> str:
    """Give the first of the comments `# <key>: ...` at the top of an example."""
    said = dict(line.removeprefix("# ").split(": ", 1) for line in path.read_text().splitlines() if line[:2] == "# ")
    return next(said[key] for key in keys if key in said)


def api_says(kube: ApiServer, path: Path) -> str:
    done = kube.kubectl("apply", "--dry-run=server", "-f", str(path), check=False)
    assert done.returncode != 0, f"the API server accepts {path.name}"
    return done.stderr


def rules(schema: Any) -> set[str]:
    """Collect the messages of all CEL rules of a schema."""
    if isinstance(schema, list):
        return {message for item in schema for message in rules(item)}
    if not isinstance(schema, Mapping):
        return set()
    own = {str(rule["message"]) for rule in schema.get("x-kubernetes-validations", ())}
    return own | {message for value in schema.values() for message in rules(value)}


@pytest.mark.parametrize("path", INVALID, ids=names)
def test_parse_refuses_with_that_message_and_no_other(path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        parse(read(path))
    assert caught.value.reason == "InvalidSpec"
    assert re.fullmatch(r"(spec[\w.\[\]]*: )?" + re.escape(comment(path, "message")), caught.value.message)


@pytest.mark.api
@pytest.mark.parametrize("path", INVALID, ids=names)
def test_the_api_server_refuses_with_the_message(kube: ApiServer, path: Path) -> None:
    assert comment(path, "api message", "message") in api_says(kube, path)


@pytest.mark.parametrize("kind", KINDS)
def test_each_rule_has_a_rejected_example(kind: str) -> None:
    shown = {comment(path, "message") for path in INVALID if read(path)["kind"] == kind}
    wanted = rules(crd(kind)["spec"]["versions"])
    assert wanted
    assert wanted <= shown


@pytest.mark.api
@pytest.mark.parametrize("path", VALID, ids=names)
def test_both_fill_in_the_same_defaults(kube: ApiServer, path: Path) -> None:
    stored = yaml.safe_load(kube.kubectl("apply", "--dry-run=server", "-o", "yaml", "-f", str(path)).stdout)
    parsed = parse(read(path)).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert parsed["spec"] == stored["spec"]


@pytest.mark.api
@pytest.mark.parametrize("path", [path for path in VALID if path.stem.endswith("-minimal")], ids=names)
def test_a_new_object_shows_that_nobody_has_seen_it(kube: ApiServer, kube_namespace: str, path: Path) -> None:
    made = yaml.safe_load(kube.kubectl("create", "-n", kube_namespace, "-o", "yaml", "-f", str(path)).stdout)
    assert made["status"] == {"observedGeneration": -1}
    read_back = parse(made)
    assert read_back.metadata.uid == made["metadata"]["uid"]
    assert read_back.status is not None
    assert read_back.status.observed_generation == -1
