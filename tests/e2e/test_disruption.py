"""Under load a dispatcher's pod is evicted, and everything is upgraded: every accepted event still arrives."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

from tests.e2e.installation import DISPATCHERS, NAMESPACE, PRIVATE_RANGES, Installation
from tests.e2e.tenant import Tenant
from tests.fixtures.poll import eventually

EVENTS = 5000
UPGRADE_EVENTS = 8000
PER_SECOND = 100.0
EVENT_TYPE = "com.example.order.created"


async def test_no_event_is_lost_when_dispatchers_are_evicted(
    installation: Installation, tenant: Tenant, tell: Callable[[str], None]
) -> None:
    _pool_of(installation, 2)
    await eventually(lambda: len(installation.dispatchers()) == 2, seconds=120, every_seconds=1)
    tenant.subscribe("orders", EVENT_TYPE)
    job = tenant.start_publishing(EVENT_TYPE, count=EVENTS, per_second=PER_SECOND)
    await eventually(lambda: tenant.received().requests > 300, seconds=60, every_seconds=0.5)
    victims = installation.dispatchers()  # one after the other: one of them delivers, whichever it is
    for victim in victims:
        _evict(installation, victim)
        await eventually(lambda: len(installation.dispatchers()) == 2, seconds=120, every_seconds=0.5)
    after_the_last = tenant.received().requests
    lost, repeated = await _count(tenant, tenant.published(job, seconds=120))
    assert not set(victims) & set(installation.kube.names("pods", namespace=NAMESPACE, labels=DISPATCHERS))
    assert after_the_last < EVENTS, "the load ended before the evictions did: it showed nothing"
    assert lost == frozenset(), f"{len(lost)} events are lost"
    tell(f"eviction under load: published={EVENTS} lost=0 repeated={repeated}")


async def test_the_last_dispatchers_are_not_evicted_together(installation: Installation, tenant: Tenant) -> None:
    _pool_of(installation, 2)
    await eventually(lambda: len(installation.dispatchers()) == 2, seconds=120, every_seconds=1)
    first, second = installation.dispatchers()
    _evict(installation, first)
    said = installation.kube.fails("create", "--raw", _eviction_path(second), "--filename=-", stdin=_eviction(second))
    assert "disruption budget" in said
    await eventually(lambda: len(installation.dispatchers()) == 2, seconds=120, every_seconds=1)


async def test_no_event_is_lost_when_the_chart_is_upgraded(
    installation: Installation, tenant: Tenant, tell: Callable[[str], None]
) -> None:
    _pool_of(installation, 2)
    await eventually(lambda: len(installation.dispatchers()) == 2, seconds=120, every_seconds=1)
    tenant.subscribe("orders", EVENT_TYPE)
    before = set(installation.dispatchers())
    job = tenant.start_publishing(EVENT_TYPE, count=UPGRADE_EVENTS, per_second=PER_SECOND)
    await eventually(lambda: tenant.received().requests > 300, seconds=60, every_seconds=0.5)
    tag = installation.images.next_tag
    settings = {"image.tag": tag, "dispatcherImage.tag": tag}
    await asyncio.to_thread(lambda: installation.upgrade(**settings))
    await eventually(
        lambda: len(installation.dispatchers()) == 2 and before.isdisjoint(installation.dispatchers()),
        seconds=120,
        every_seconds=1,
    )
    at_the_upgrade = tenant.received().requests
    lost, repeated = await _count(tenant, tenant.published(job, seconds=180))
    assert at_the_upgrade < UPGRADE_EVENTS, "the load ended before the upgrade did: it showed nothing"
    assert lost == frozenset(), f"{len(lost)} events are lost"
    tell(f"upgrade under load: published={UPGRADE_EVENTS} lost=0 repeated={repeated}")


def _pool_of(installation: Installation, replicas: int) -> None:
    installation.pool({"egress": {"allowedCIDRs": PRIVATE_RANGES}, "minReplicas": replicas, "maxReplicas": replicas})


def _evict(installation: Installation, pod: str) -> None:
    installation.kube.kubectl("create", "--raw", _eviction_path(pod), "--filename=-", stdin=_eviction(pod))


def _eviction_path(pod: str) -> str:
    return f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"


def _eviction(pod: str) -> str:
    metadata = {"name": pod, "namespace": NAMESPACE}
    return json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})


async def _count(tenant: Tenant, accepted: frozenset[str]) -> tuple[frozenset[str], int]:
    """Wait until nothing is missing, a minute at most; give what is, and how many requests were repeats."""
    with contextlib.suppress(AssertionError):  # the caller says what is missing
        await eventually(lambda: accepted <= tenant.received().ids, seconds=60, every_seconds=1)
    received = tenant.received()
    return accepted - received.ids, received.requests - len(received.ids)
