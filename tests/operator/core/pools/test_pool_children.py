"""Pools in, child objects out: `JETHOOK_REWRITE=1 pytest tests/operator/core/pools` writes the golden files anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.parse import parse
from jethook_operator.core.pool_children import bindings, children
from jethook_operator.core.pool_deployment import DRAIN_SECONDS, GRACE_SECONDS
from jethook_operator.core.pool_settings import ChildSettings

GOLDEN = Path(__file__).parent / "golden"
FULL = Path(__file__).parents[3] / "crds" / "valid" / "dispatcherpool-full.yaml"
SETTINGS = ChildSettings(
    namespace="jethook-system", image="registry.example.com/jethook-dispatcher:1", nats_urls=("nats://nats:4222",)
)
WITH_USER = ChildSettings(
    namespace="jethook-system",
    image="registry.example.com/jethook-dispatcher:1",
    nats_urls=("tls://a.example.com:4333", "tls://b.example.com"),
    image_pull_policy="Always",
    image_pull_secrets=("registry",),
    nats_credentials="nats-dispatcher",
    nats_tls="nats-tls",
)


def pool(**spec: Any) -> DispatcherPool:
    metadata = {"name": "eu", "namespace": "jethook-system", "uid": "u-1", "generation": 1}
    document = {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": metadata, "spec": spec}
    found = parse(document)
    assert isinstance(found, DispatcherPool)
    return found


CASES = {
    "minimal": (pool(), SETTINGS, 1),
    "full": (pool(**yaml.safe_load(FULL.read_text())["spec"]), SETTINGS, 2),
    "with-user": (pool(egress={"allowedCIDRs": ["10.20.0.0/16"], "deniedCIDRs": ["10.20.1.0/24"]}), WITH_USER, 0),
}


def rendered(case: str) -> str:
    found, settings, replicas = CASES[case]
    made = (*children(found, settings=settings, replicas=replicas), *bindings(found, settings=settings))
    return yaml.safe_dump_all([dict(one.document) for one in made], sort_keys=False, width=120)


@pytest.mark.parametrize("case", CASES)
def test_a_pool_gives_the_children_of_its_golden_file(case: str) -> None:
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get("JETHOOK_REWRITE"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(rendered(case))
    assert rendered(case) == golden.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_no_label_of_a_user_replaces_one_that_jethook_selects_by(case: str) -> None:
    found, settings, replicas = CASES[case]
    (deployment,) = (
        one.document for one in children(found, settings=settings, replicas=replicas) if one.kind == "Deployment"
    )
    selected = deployment["spec"]["selector"]["matchLabels"]
    assert selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_a_pod_has_longer_to_end_than_its_dispatcher_drains() -> None:
    assert GRACE_SECONDS > DRAIN_SECONDS


@pytest.mark.parametrize(
    ("allowed", "kinds"),
    [
        (["*"], [("ClusterRoleBinding", "")]),
        (["b", "a"], [("RoleBinding", "a"), ("RoleBinding", "b")]),
        ([], []),
    ],
)
def test_rights_reach_as_far_as_the_allowed_namespaces(allowed: list[str], kinds: list[tuple[str, str]]) -> None:
    made = bindings(pool(allowedNamespaces=allowed), settings=SETTINGS)
    assert [(one.kind, one.namespace) for one in made] == kinds
    assert {one.document["roleRef"]["name"] for one in made} <= {"jethook-dispatcher"}
