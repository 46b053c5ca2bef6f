"""A pool grows under load, goes to zero when nothing comes, and wakes for the next event; or others scale it."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.installation import NAMESPACE, PRIVATE_RANGES, Installation
from tests.e2e.tenant import Tenant
from tests.fixtures.poll import eventually

EVENT_TYPE = "com.example.order.created"
EGRESS = {"allowedCIDRs": PRIVATE_RANGES}
IDLE_SECONDS = 15
SUBSCRIPTIONS = 4


async def test_a_pool_grows_under_load_shrinks_to_zero_and_wakes(
    installation: Installation, tenant: Tenant, tell: Callable[[str], None]
) -> None:
    scaling = {"targetUtilizationPercent": 10, "idleSeconds": IDLE_SECONDS, "scaleDownStabilizationSeconds": 15}
    installation.pool({"egress": EGRESS, "minReplicas": 0, "maxReplicas": 3, "scaling": scaling})
    for number in range(SUBSCRIPTIONS):
        tenant.subscribe(f"orders-{number}", "com.example.order.*")
    job = tenant.start_publishing(EVENT_TYPE, count=12_000, per_second=200)
    await eventually(lambda: _replicas(installation) >= 2, seconds=90, every_seconds=1)
    tell(f"under load the pool grew: {_scaling(installation)['message']}")
    accepted = tenant.published(job, seconds=240)
    await eventually(lambda: accepted <= tenant.received().ids, seconds=120, every_seconds=2)
    await eventually(lambda: _replicas(installation) == 0, seconds=180, every_seconds=1)
    await eventually(lambda: not installation.dispatchers(), seconds=60, every_seconds=1)
    assert _scaling(installation)["reason"] == "Idle"
    woken = tenant.published(tenant.start_publishing("com.example.order.woken", count=1, per_second=1), seconds=60)
    assert len(woken) == 1
    await eventually(lambda: woken <= tenant.received().ids, seconds=90, every_seconds=1)


async def test_another_scales_a_pool_whose_mode_is_external(installation: Installation, tenant: Tenant) -> None:
    installation.pool({"egress": EGRESS, "replicas": 1, "scaling": {"mode": "External"}})
    await eventually(lambda: len(installation.dispatchers()) == 1, seconds=120, every_seconds=1)
    scale = ["scale", "dispatcherpool/default", f"--namespace={NAMESPACE}"]
    installation.kube.kubectl(*scale, "--replicas=3")
    await eventually(lambda: len(installation.dispatchers()) == 3, seconds=120, every_seconds=1)
    found = installation.kube.get("dispatcherpool", "default", f"--namespace={NAMESPACE}")
    assert found["spec"]["replicas"] == 3
    assert found["status"]["replicas"] == 3
    installation.kube.kubectl(*scale, "--replicas=1")
    await eventually(lambda: len(installation.dispatchers()) == 1, seconds=120, every_seconds=1)


def _replicas(installation: Installation) -> int:
    deployment = installation.kube.get("deployment", "jethook-dispatcher-default", f"--namespace={NAMESPACE}")
    return int(deployment["spec"]["replicas"])


def _scaling(installation: Installation) -> dict[str, object]:
    found = installation.kube.get("dispatcherpool", "default", f"--namespace={NAMESPACE}")
    scaling: dict[str, object] = found["status"]["scaling"]
    return scaling
