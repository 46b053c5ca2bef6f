"""A user installs the chart, declares an endpoint and a Subscription, and events arrive."""

from __future__ import annotations

from tests.e2e.installation import NAMESPACE, RELEASE, Installation
from tests.e2e.tenant import Received, Tenant
from tests.fixtures.poll import eventually


async def test_every_event_arrives_signed_and_kubectl_shows_it(installation: Installation, tenant: Tenant) -> None:
    tenant.subscribe("orders", "com.example.order.**")
    job = tenant.start_publishing("com.example.order.created", count=200, per_second=100)
    accepted = tenant.published(job, seconds=60)
    assert len(accepted) == 200
    received = await eventually(lambda: _all_of(tenant, accepted), seconds=60, every_seconds=1)
    assert received.unverified == 0
    shown = await eventually(lambda: _row_with(tenant, "200"), seconds=60, every_seconds=1)
    assert shown.split()[:3] == ["orders", "True", "Healthy"]


async def test_helm_test_finds_the_installation_well(installation: Installation) -> None:
    said = installation.kube.helm("test", RELEASE, f"--namespace={NAMESPACE}", "--timeout=3m")
    assert "Phase:" in said
    assert "Succeeded" in said


def _all_of(tenant: Tenant, ids: frozenset[str]) -> Received | None:
    received = tenant.received()
    return received if ids <= received.ids else None


def _row_with(tenant: Tenant, delivered: str) -> str | None:
    """Give the row of `kubectl get whsub` when its column DELIVERED has come so far."""
    _, row = tenant.kube.kubectl("get", "whsub", "orders", f"--namespace={tenant.namespace}").splitlines()
    return row if delivered in row.split() else None
