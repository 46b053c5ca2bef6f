"""What `helm test` runs, with the account that the chart gives it."""

from __future__ import annotations

import json

import pytest

from hack.kubernetes import ApiServer
from tests.chart.hook_world import Installation

pytestmark = pytest.mark.api


@pytest.fixture
def installation(cluster: ApiServer) -> Installation:
    """Give an installation whose operators are ready and whose pool is not."""
    made = Installation(cluster)
    metadata = {"name": "default", "namespace": made.namespace}
    made.apply({"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": metadata, "spec": {}})
    _report(made, "deployment/jethook-operator", {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2})
    return made


def test_it_succeeds_when_the_pool_is_ready(installation: Installation) -> None:
    _report(installation, "dispatcherpool/default", _pool(ready="True"))
    done = installation.run("Pod", seconds=20)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the operator runs; Ready: default\n"


def test_a_pool_that_nobody_has_looked_at_is_named(installation: Installation) -> None:
    done = installation.run("Pod", seconds=2)
    assert done.returncode == 1
    assert "after 2 s: the operator has not looked at pool default yet (NotReady)" in done.stderr


def test_a_pool_that_is_not_ready_is_named_with_its_message(installation: Installation) -> None:
    _report(installation, "dispatcherpool/default", _pool(ready="False"))
    done = installation.run("Pod", seconds=2)
    assert done.returncode == 1
    assert "pool default is not Ready: as told" in done.stderr


def test_a_status_of_an_older_generation_does_not_count(installation: Installation) -> None:
    _report(installation, "dispatcherpool/default", _pool(ready="True") | {"observedGeneration": 0})
    done = installation.run("Pod", seconds=2)
    assert "the operator has not looked at pool default yet" in done.stderr


def test_an_operator_that_is_not_ready_is_told(installation: Installation) -> None:
    _report(installation, "dispatcherpool/default", _pool(ready="True"))
    _report(installation, "deployment/jethook-operator", {"readyReplicas": 1})
    done = installation.run("Pod", seconds=2)
    assert "1 of 2 operators are ready" in done.stderr


def test_without_any_pool_it_says_who_makes_the_first(installation: Installation) -> None:
    installation.cluster.kubectl("delete", "dispatcherpool", "default", f"--namespace={installation.namespace}")
    done = installation.run("Pod", seconds=2)
    assert f"there is no DispatcherPool in {installation.namespace}" in done.stderr


def _pool(*, ready: str) -> dict[str, object]:
    moment = "2026-11-24T12:00:00Z"
    condition = {"type": "Ready", "status": ready, "reason": "Any", "message": "as told", "lastTransitionTime": moment}
    return {"observedGeneration": 1, "conditions": [condition]}


def _report(installation: Installation, what: str, status: dict[str, object]) -> None:
    """Write a status as its controller would."""
    patch = json.dumps({"status": status})
    where = f"--namespace={installation.namespace}"
    installation.cluster.kubectl("patch", what, where, "--subresource=status", "--type=merge", f"--patch={patch}")
