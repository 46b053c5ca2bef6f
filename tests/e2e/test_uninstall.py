"""What an uninstallation leaves: the definitions with their objects and the events, nothing that runs or cannot end."""

from __future__ import annotations

from tests.e2e.installation import NAMESPACE, Installation
from tests.e2e.kube import Kube
from tests.e2e.tenant import Tenant
from tests.fixtures.poll import eventually

KINDS = "deployments,statefulsets,daemonsets,jobs,pods,services,serviceaccounts,poddisruptionbudgets,networkpolicies"
EVENT_TYPE = "com.example.order.created"
CLUSTER_KINDS = "clusterroles,clusterrolebindings"


async def test_an_uninstallation_keeps_objects_and_events_and_nothing_that_runs(
    installation: Installation, tenant: Tenant
) -> None:
    kube = installation.kube
    tenant.subscribe("orders", EVENT_TYPE)
    suspend = ["patch", "whsub", "orders", f"--namespace={tenant.namespace}", "--type=merge", "--patch"]
    kube.kubectl(*suspend, '{"spec": {"suspend": true}}')
    await eventually(lambda: _state(tenant) == "Suspended", seconds=60, every_seconds=1)
    accepted = tenant.published(tenant.start_publishing(EVENT_TYPE, count=20, per_second=20), seconds=60)
    assert tenant.received().requests == 0
    installation.uninstall()
    await eventually(lambda: not _ours(kube, KINDS, f"--namespace={NAMESPACE}"), seconds=60, every_seconds=1)
    assert _ours(kube, CLUSTER_KINDS) == []
    definitions = [item["metadata"]["name"] for item in kube.get("crd")]
    assert {"webhookendpoints.jethook.io", "subscriptions.jethook.io"} <= set(definitions)
    assert [kube.names(kind, namespace=tenant.namespace) for kind in ("whe", "whsub")] == [["orders"], ["orders"]]
    assert _terminating(kube) == []
    installation.install()
    kube.kubectl(*suspend, '{"spec": {"suspend": false}}')
    await eventually(lambda: accepted <= tenant.received().ids, seconds=120, every_seconds=1)


def _state(tenant: Tenant) -> str:
    """Give the column STATE of `kubectl get whsub`."""
    row = tenant.kube.kubectl("get", "whsub", "orders", f"--namespace={tenant.namespace}", "--no-headers")
    return row.split()[2]


def _ours(kube: Kube, kinds: str, *where: str) -> list[str]:
    """Name what is there of Jethook; in its namespace that is all but what Kubernetes puts into each."""
    found = [f"{item['kind']}/{item['metadata']['name']}" for item in kube.get(kinds, *where)]
    return [name for name in found if "jethook" in name]


def _terminating(kube: Kube) -> list[str]:
    kinds = "namespaces,pods,webhookendpoints,subscriptions,dispatcherpools"
    items = kube.get(kinds, "--all-namespaces")
    return [item["metadata"]["name"] for item in items if "deletionTimestamp" in item["metadata"]]
