"""The surface of the provider `kubernetes`: objects come from the API server, statuses and events go there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from jethook_operator.core import metric_families
from jethook_operator.core.resources import Key, Kind
from jethook_operator.shell.clock import utc_now
from jethook_operator.shell.delivery_watch import DeliveryWatch
from jethook_operator.shell.events import KubeEvents
from jethook_operator.shell.kube import KubeApi, load_configuration
from jethook_operator.shell.kube_budget import TokenBucket
from jethook_operator.shell.kube_login import login
from jethook_operator.shell.kube_lookup import KubeLookup
from jethook_operator.shell.kube_provider import KubernetesProvider
from jethook_operator.shell.kube_source import KubeSource
from jethook_operator.shell.kube_status import KubeStatusSink
from jethook_operator.shell.leadership import Leadership
from jethook_operator.shell.pool_surface import PoolSurface
from jethook_operator.shell.provider import Intake, MakeIntake, Surface
from jethook_operator.shell.settings import OperatorSettings
from jethook_operator.shell.store import ResourceStore

_STATUS_WRITES_PER_SECOND = 200.0
_EVENTS_PER_SECOND = 20.0


async def kube_surface(
    settings: OperatorSettings, *, make_intake: MakeIntake, leadership: Leadership
) -> tuple[Surface, Intake]:
    """Build it; raises Invalid `NoCluster`. What it writes, it writes while this process leads."""
    configuration = await load_configuration(kubeconfig=settings.kubeconfig, context=settings.context)
    api = KubeApi(configuration, fence=leadership.fence)
    lookup = KubeLookup(api, refresh_seconds=settings.resync_seconds * 0.9)  # due at each resync, whatever its jitter
    store = ResourceStore(operator_namespace=settings.namespace, lookup=lookup.secret, namespaces_have_uids=True)
    intake = make_intake(store)
    events = KubeEvents(api, bucket=TokenBucket(rate_per_second=_EVENTS_PER_SECOND, burst=50), clock=utc_now)
    bucket = TokenBucket(rate_per_second=_STATUS_WRITES_PER_SECOND, burst=50)

    async def before(key: Key) -> None:
        await lookup.ensure_namespace_uid(store, key)

    async def after(key: Key) -> None:
        del key

    deliveries = DeliveryWatch(events, tells=lambda: leadership.leads)
    provider = KubernetesProvider(
        api,
        source=KubeSource(intake, operator_namespace=settings.namespace, deliveries=deliveries),
        login=partial(login, kubeconfig=settings.kubeconfig, context=settings.context),
        operator_namespace=settings.namespace,
        resync_seconds=settings.resync_seconds,
        answered_at=lambda: max(api.answered_at, leadership.answered_at),
    )
    pools = None
    if settings.dispatchers is not None:
        pools = PoolSurface(api, settings=settings.dispatchers, intake=intake, plan_keys_dir=settings.plan_keys_dir)

    async def lead() -> None:
        await provider.ensure_default_pool()
        if pools is not None:
            await pools.lead()

    async def background() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(events.run())
            if pools is not None:
                tasks.create_task(pools.run())

    surface = Surface(
        provider=provider,
        status=KubeStatusSink(api, store=store, bucket=bucket, clock=utc_now),
        events=events,
        before=before,
        after=after,
        background=background,
        forget=lambda: None,
        close=api.close,
        lead=lead,
        ailment=lambda: _ailment(provider.life.dead()),
        children=None if pools is None else pools.children,
        key_ring=None if pools is None else pools.key_ring,
        readings={
            metric_families.API_REQUESTS: lambda: api.requests,
            metric_families.WATCH_LISTS: lambda: {(kind,): count for kind, count in provider.lists.items()},
            metric_families.WATCH_AGE: lambda: {(kind,): age for kind, age in provider.life.ages().items()},
            metric_families.EVENTS_DROPPED: lambda: events.dropped,
        },
    )
    return surface, intake


def _ailment(dead: Sequence[Kind]) -> str:
    return f"no sign of life from the watch of {', '.join(dead)}, while the API server answers" if dead else ""
