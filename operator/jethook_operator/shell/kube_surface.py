"""The surface of the provider `kubernetes`: objects come from the API server, statuses and events go there."""

from __future__ import annotations

from functools import partial

from jethook_operator.core import metric_families
from jethook_operator.core.resources import Key
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
from jethook_operator.shell.provider import Intake, MakeIntake, Surface
from jethook_operator.shell.settings import OperatorSettings
from jethook_operator.shell.store import ResourceStore

_STATUS_WRITES_PER_SECOND = 200.0
_EVENTS_PER_SECOND = 20.0


async def kube_surface(settings: OperatorSettings, *, make_intake: MakeIntake) -> tuple[Surface, Intake]:
    """Build it; raises Invalid `NoCluster`."""
    api = KubeApi(await load_configuration(kubeconfig=settings.kubeconfig, context=settings.context))
    lookup = KubeLookup(api)
    store = ResourceStore(operator_namespace=settings.namespace, lookup=lookup.secret)
    intake = make_intake(store)
    events = KubeEvents(api, bucket=TokenBucket(rate_per_second=_EVENTS_PER_SECOND, burst=50), clock=utc_now)
    bucket = TokenBucket(rate_per_second=_STATUS_WRITES_PER_SECOND, burst=50)

    async def before(key: Key) -> None:
        await lookup.ensure_namespace_uid(store, key.namespace)

    async def after(key: Key) -> None:
        del key

    provider = KubernetesProvider(
        api,
        source=KubeSource(intake, operator_namespace=settings.namespace, deliveries=DeliveryWatch(events)),
        login=partial(login, kubeconfig=settings.kubeconfig, context=settings.context),
        operator_namespace=settings.namespace,
        resync_seconds=settings.resync_seconds,
    )
    surface = Surface(
        provider=provider,
        status=KubeStatusSink(api, store=store, bucket=bucket, clock=utc_now),
        events=events,
        before=before,
        after=after,
        background=events.run,
        forget=lambda: None,
        close=api.close,
        readings={
            metric_families.API_REQUESTS: lambda: api.requests,
            metric_families.WATCH_LISTS: lambda: {(kind,): count for kind, count in provider.lists.items()},
            metric_families.EVENTS_DROPPED: lambda: events.dropped,
        },
    )
    return surface, intake
