"""The surface of the provider `files`: a folder is where objects come from, a NATS bucket is where statuses go."""

from __future__ import annotations

import asyncio

import structlog
from nats.aio.client import Client

from jethook_contract.errors import Invalid, Unavailable
from jethook_operator.core.resources import Key
from jethook_operator.shell.clock import utc_now
from jethook_operator.shell.delivery_reports import DeliveryReports
from jethook_operator.shell.delivery_watch import DeliveryWatch
from jethook_operator.shell.files import FilesProvider
from jethook_operator.shell.objects import EventLog, ObjectsSink
from jethook_operator.shell.provider import Intake, MakeIntake, Surface
from jethook_operator.shell.settings import OperatorSettings
from jethook_operator.shell.store import ResourceStore

_TIMEOUT_SECONDS = 5.0
_RETRY_SECONDS = 5.0
_log = structlog.get_logger(__name__)


def files_surface(settings: OperatorSettings, *, client: Client, make_intake: MakeIntake) -> tuple[Surface, Intake]:
    """Build it; raises Invalid `NoFolder` when the settings name none."""
    if settings.files_dir is None:
        raise Invalid("NoFolder", "provider files needs a folder; give one with --files")
    store = ResourceStore(operator_namespace=settings.namespace)
    intake = make_intake(store)
    jetstream = client.jetstream(timeout=_TIMEOUT_SECONDS)
    sink = ObjectsSink(jetstream, store=store, clock=utc_now)
    events = EventLog()
    deliveries = DeliveryWatch(events)
    reports = DeliveryReports(jetstream, deliveries=deliveries)

    async def nothing(key: Key) -> None:
        del key

    async def after(key: Key) -> None:
        if store.synced and store.raw(key) is None:
            await sink.remove(key)
            deliveries.forget(key)

    async def background() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_clear_leftovers(sink, intake))
            tasks.create_task(reports.run())

    def forget() -> None:
        sink.forget()
        reports.reconnected()

    async def close() -> None:
        """Hold nothing open: the connection belongs to the process."""

    surface = Surface(
        provider=FilesProvider(settings.files_dir, intake=intake, pool_namespace=settings.namespace),
        status=sink,
        events=events,
        before=nothing,
        after=after,
        background=background,
        forget=forget,
        close=close,
    )
    return surface, intake


async def _clear_leftovers(sink: ObjectsSink, intake: Intake) -> None:
    """Have objects that went while no operator ran removed from the bucket, then rest."""
    await intake.synced()
    while True:
        try:
            for key in await sink.keys():
                if intake.store.raw(key) is None:
                    intake.announce(key)
            await asyncio.Event().wait()
        except Unavailable as exc:
            _log.warning("leftovers_not_listed", reason=exc.reason, message=exc.message)
            await asyncio.sleep(_RETRY_SECONDS)
