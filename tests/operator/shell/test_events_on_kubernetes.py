"""Events on a real API server: what repeats is one Event that counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hack.kubernetes import ApiServer
from jethook_operator.core.resources import Key
from jethook_operator.shell.events import KubeEvents
from jethook_operator.shell.kube import KubeApi, load_configuration
from jethook_operator.shell.kube_budget import TokenBucket
from tests.fixtures.poll import eventually
from tests.operator.shell.tenant import MANIFESTS, SYSTEM, Tenant

pytestmark = pytest.mark.api


class Recorder:
    """A recorder with the operator's own rights, whose clock is moved by hand."""

    def __init__(self, api: KubeApi, tenant: Tenant) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._tenant = tenant
        self.events = KubeEvents(api, bucket=TokenBucket(rate_per_second=50, burst=10), clock=lambda: self.now)

    def record(self, reason: str = "SecretNotFound") -> None:
        key = Key("WebhookEndpoint", self._tenant.namespace, "orders")
        self.events.record(key, uid="u1", severity="Warning", reason=reason, message="create it")

    async def shown(self) -> list[Any]:
        """Read the Events back, the oldest first."""
        listed = json.loads(await self._tenant.kubectl("get", "events", "-o", "json"))["items"]
        return sorted(listed, key=lambda event: (event["firstTimestamp"], event["reason"]))

    async def counts(self, *wanted: int) -> list[Any]:
        """Wait until the Events count so; give them."""

        async def probe() -> list[Any] | None:
            found = await self.shown()
            return found if [event["count"] for event in found] == list(wanted) else None

        return await eventually(probe, every_seconds=0.2)


@pytest.fixture
async def recorder(kube: ApiServer, kube_namespace: str) -> AsyncIterator[Recorder]:
    await asyncio.to_thread(kube.kubectl, "apply", "-f", str(MANIFESTS))
    kubeconfig = await asyncio.to_thread(kube.kubeconfig_for, "jethook-operator", namespace=SYSTEM)
    api = KubeApi(await load_configuration(kubeconfig=kubeconfig, context=None))
    made = Recorder(api, Tenant(kube, kube_namespace))
    posting = asyncio.create_task(made.events.run())
    try:
        yield made
    finally:
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        await api.close()


async def test_repeats_that_were_posted_between_are_one_event_with_a_count(recorder: Recorder) -> None:
    recorder.record()
    (first,) = await recorder.counts(1)
    for _ in range(3):
        recorder.now += timedelta(minutes=2)
        recorder.record()
    (last,) = await recorder.counts(4)
    assert last["metadata"]["uid"] == first["metadata"]["uid"]
    assert last["firstTimestamp"] == first["firstTimestamp"]
    assert last["lastTimestamp"] == (recorder.now).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (last["type"], last["reason"], last["message"]) == ("Warning", "SecretNotFound", "create it")


async def test_another_reason_and_a_later_window_are_events_of_their_own(recorder: Recorder) -> None:
    recorder.record()
    recorder.record("SecretNotLabelled")
    await recorder.counts(1, 1)
    recorder.now += timedelta(minutes=11)
    recorder.record()
    found = await recorder.counts(1, 1, 1)
    assert found[2]["reason"] == "SecretNotFound"
