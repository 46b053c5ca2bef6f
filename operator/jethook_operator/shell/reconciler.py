"""Reconcile one object: gather what is, let core decide, apply it to NATS, and hand its status on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import structlog
from nats.aio.client import Client

from jethook_contract import names
from jethook_contract.errors import Invalid, JethookError, Unavailable
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.conditions import Verdict, verdict_of
from jethook_operator.core.endpoint import EndpointInputs, decide_endpoint, endpoint_status
from jethook_operator.core.pool import bare_plan
from jethook_operator.core.resources import Broken, Key, Kind
from jethook_operator.core.status import StatusPatch
from jethook_operator.core.subscription import broken_status, subscription_status
from jethook_operator.shell.buckets import ensure_objects_bucket
from jethook_operator.shell.consumers import Consumers
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.namespaces import Namespaces
from jethook_operator.shell.orphans import NatsParts, Orphans, SubscriptionLocks
from jethook_operator.shell.plans import Plans
from jethook_operator.shell.pool_load import PoolLoads
from jethook_operator.shell.pools import Pools
from jethook_operator.shell.records import Records
from jethook_operator.shell.retirement import Retirement
from jethook_operator.shell.streams import Streams, StreamSettings
from jethook_operator.shell.subscriptions import Subscriptions, read_secrets
from jethook_operator.shell.surroundings import EventRecorder, StatusSink, Surroundings
from jethook_operator.shell.sweep import Sweeper

__all__ = ["EventRecorder", "Reconciler", "StatusSink", "Surroundings"]

_NO_OUTAGE = frozenset({"NoQuota", "ChildRefused"})  # what is to be told at once, though trying again may help
UNSYNCED_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Reconciler:
    """Bring NATS and status in line with the resources, one object at a time; calls for different keys may overlap.

    `requests`: to JetStream, counted. `pool_loads`: what pools have to do, as NATS tells. `orphans_held`: how many
    removals the last look for orphans held.
    """

    def __init__(self, client: Client, *, settings: StreamSettings, surroundings: Surroundings) -> None:
        api = JetStreamApi(client, fence=surroundings.fence)
        streams = Streams(api, settings=settings)
        consumers = Consumers(api, install_id=settings.install_id)
        plans = Plans(api, streams=streams, replicas=settings.replicas)
        self.requests = api.requests
        self.orphans_held = 0
        self._settings = settings
        self._around = surroundings
        self._reader = surroundings.reader
        self._nats = NatsParts(
            streams=streams,
            consumers=consumers,
            plans=plans,
            namespaces=Namespaces(
                streams,
                retirement=Retirement(api, streams=streams, settings=settings, now=surroundings.now),
                consumers=consumers,
                plans=plans,
            ),
            sweeper=Sweeper(api, streams=streams),
            locks=SubscriptionLocks(),
        )
        self._orphans = Orphans(self._nats, reader=self._reader, settings=settings, now=surroundings.now)
        self._records = Records(
            api,
            parts=self._nats,
            reader=self._reader,
            grace_seconds=settings.orphan_grace_seconds,
            now=surroundings.now,
        )
        self._subscriptions = Subscriptions(self._nats, surroundings=surroundings)
        self.pool_loads = PoolLoads(api, plans=plans)
        self._pools = Pools(plans, surroundings=surroundings, replicas=settings.replicas)
        self._in_place: set[Key] = set()

    async def reconcile(self, key: Key) -> float | None:
        """Reconcile; give the seconds until it wants to be called again, None when nothing is due.

        Invalid and Waiting end here, in the status; Unavailable and Bug are raised after the status: back off, call
        again. Takes Subscription, WebhookEndpoint and DispatcherPool keys, present or gone; a Secret key does nothing
        (enqueue what `core.affected.affected` lists for it). Before `reader.synced`, absent is not taken for gone.
        """
        if key.kind == "Subscription":
            async with self._nats.locks.of(key.namespace, key.name):
                return await self._subscription(key)
        if key.kind == "WebhookEndpoint":
            return await self._endpoint(key)
        if key.kind == "DispatcherPool":
            return await self._pool(key)
        return None

    async def sweep_orphans(self) -> None:
        """Look for what is left of gone objects, and for what is missing; call at start and each `sweep_seconds`."""
        await self._prepare()
        if not await self._nats.streams.verify():
            _log.warning("nats_changed_by_others")
            self.reconnected()
            return
        report = await self._orphans.look()
        for key in report.missing:
            self._around.enqueue(key)
        self.orphans_held = len(report.held)
        for message in report.held:
            _log.warning("orphans_held", message=message)
            self._record_on_default_pool("OrphansHeld", message)
        await self._records.look()

    def reconnected(self) -> None:
        """Forget what was known of NATS and enqueue everything; call it in the connection's `reconnected` hook."""
        self._nats.streams.forget()
        self._nats.consumers.forget()
        self._nats.plans.forget()
        kinds: tuple[Kind, ...] = ("DispatcherPool", "Subscription", "WebhookEndpoint")
        for kind in kinds:
            for key in self._reader.keys(kind):
                self._around.enqueue(key)

    async def _prepare(self) -> None:
        """Have what every object needs; costs nothing when it is there."""
        await self._nats.plans.load()
        await self._nats.streams.ensure_attempts()
        await ensure_objects_bucket(streams=self._nats.streams, replicas=self._settings.replicas)
        if self._reader.synced and self._reader.pool(names.DEFAULT_POOL) is None:
            await self._nats.plans.ensure_pool(bare_plan(names.DEFAULT_POOL))

    async def _subscription(self, key: Key) -> float | None:
        found = self._reader.subscription(key.namespace, key.name)
        if found is None:
            return await self._subscription_gone(key)
        if isinstance(found, Broken):
            return await self._broken(found)
        try:
            await self._prepare()
            decision = await self._subscriptions.bring_in_line(found)
        except JethookError as error:
            return await self._failed(error, status=lambda verdict: subscription_status(found, verdict=verdict))
        return await self._say(decision.status, verdict=decision.verdict)

    async def _subscription_gone(self, key: Key) -> float | None:
        if not self._reader.synced:
            return UNSYNCED_SECONDS
        self._in_place.discard(key)
        await self._subscriptions.remove(key)
        return None

    async def _endpoint(self, key: Key) -> float | None:
        found = self._reader.endpoint(key.namespace, key.name)
        if found is None:
            self._in_place.discard(key)
            self._subscriptions.forget_endpoint(key)
            return None
        if isinstance(found, Broken):
            return await self._broken(found)
        try:
            await self._prepare()
            await self._nats.namespaces.ensure(key.namespace, reader=self._reader)
            decision = decide_endpoint(await self._endpoint_inputs(found))
        except JethookError as error:
            return await self._failed(error, status=lambda verdict: endpoint_status(found, verdict=verdict))
        return await self._say(decision.status, verdict=decision.verdict)

    async def _endpoint_inputs(self, endpoint: WebhookEndpoint) -> EndpointInputs:
        namespace, name = endpoint.metadata.namespace, endpoint.metadata.name
        parts = self._nats.plans.of_endpoint(namespace, name)
        return EndpointInputs(
            endpoint=endpoint,
            pool=self._reader.pool(endpoint.spec.pool_ref.name),
            secrets=await read_secrets(endpoint, reader=self._reader),
            subscriptions=frozenset(one.metadata.name for one in self._reader.subscriptions_of(namespace, name)),
            in_place=frozenset(one.part.subscription.name for one in parts),
        )

    async def _pool(self, key: Key) -> float | None:
        found = self._reader.pool(key.name)
        if isinstance(found, Broken):
            return await self._broken(found)
        await self._prepare()
        if found is None:
            self._in_place.discard(key)
            await self._pools.gone(key.name)
            return None  # `default` is in place by `_prepare`; the plan of another is empty once its endpoints left
        try:
            decision = await self._pools.bring_in_line(found)
        except JethookError as error:
            return await self._failed(error, status=lambda verdict: self._pools.failed_status(found, verdict=verdict))
        return await self._say(decision.status, verdict=decision.verdict)

    async def _broken(self, found: Broken) -> float | None:
        """Say what is wrong; consumer and plan of the last good spec stay."""
        with contextlib.suppress(JethookError):  # where the API server holds statuses, none of NATS is needed
            await ensure_objects_bucket(streams=self._nats.streams, replicas=self._settings.replicas)
        return await self._say(broken_status(found), verdict=verdict_of(Invalid("InvalidSpec", found.message)))

    async def _failed(self, error: JethookError, *, status: Callable[[Verdict], StatusPatch]) -> float | None:
        verdict = verdict_of(error)
        patch = status(verdict)
        # While NATS is away, what was in place stays so: an outage must not rewrite the status of every object.
        outage = isinstance(error, Unavailable) and error.reason not in _NO_OUTAGE
        if not outage or patch.key not in self._in_place:
            await self._say(patch, verdict=verdict)
        if isinstance(error, Unavailable):
            raise error
        return verdict.requeue_seconds

    async def _say(self, patch: StatusPatch, *, verdict: Verdict) -> float | None:
        wrote = await self._around.status.apply(patch)
        if verdict.event is None:
            self._in_place.add(patch.key)
        elif wrote:
            event = verdict.event
            self._around.events.record(
                patch.key, uid=patch.uid, severity=event.severity, reason=event.reason, message=event.message
            )
        return verdict.requeue_seconds

    def _record_on_default_pool(self, reason: str, message: str) -> None:
        pool = self._reader.pool(names.DEFAULT_POOL)
        if pool is not None and not isinstance(pool, Broken):
            key = Key("DispatcherPool", pool.metadata.namespace, names.DEFAULT_POOL)
            self._around.events.record(key, uid=pool.metadata.uid, severity="Warning", reason=reason, message=message)
