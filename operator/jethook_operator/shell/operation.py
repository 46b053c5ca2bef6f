"""The operator at work: the parts of the process, put together, and the timers that drive them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from nats.aio.client import Client
from pydantic import SecretStr

from jethook_contract.errors import JethookError, Waiting
from jethook_contract.metric_families import Family, Reading, Values
from jethook_contract.sealing import KeyRing
from jethook_operator.core import metric_families
from jethook_operator.core.affected import affected
from jethook_operator.core.resources import Key, Kind
from jethook_operator.shell.files_surface import files_surface
from jethook_operator.shell.metrics import Reconciled, timed, untold
from jethook_operator.shell.provider import Intake, Surface
from jethook_operator.shell.reconciler import Reconciler, Surroundings
from jethook_operator.shell.settings import OperatorSettings
from jethook_operator.shell.store import KINDS, ResourceStore
from jethook_operator.shell.streams import StreamSettings
from jethook_operator.shell.workqueue import WorkQueue

_log = structlog.get_logger(__name__)


class Operation:
    """Hold the parts, and run them: `surface`, `queue`, the intake and the reconciler."""

    def __init__(self, settings: OperatorSettings, *, reconciled: Reconciled = untold) -> None:
        self._settings = settings
        self._reconciled = reconciled
        self._streams = stream_settings(settings)
        self.queue: WorkQueue[Key] = WorkQueue(
            self._work,
            workers=settings.workers,
            random=random.random,
        )
        self.surface: Surface
        self._intake: Intake
        self._reconciler: Reconciler

    def make_intake(self, store: ResourceStore) -> Intake:
        """Make the intake whose changes go to the queue."""
        return Intake(store, affected=affected, notify=self.queue.add)

    def assemble(self, surface: Surface, *, intake: Intake, client: Client) -> None:
        """Put the parts together; called once, before anything runs."""
        self.surface = surface
        self._intake = intake
        surroundings = Surroundings(
            reader=intake.store,
            status=surface.status,
            events=surface.events,
            key_ring=lambda pool: key_ring(self._settings.plan_keys_dir, pool=pool),
            enqueue=self.queue.add,
        )
        self._reconciler = Reconciler(client, settings=self._streams, surroundings=surroundings)

    def gathering(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Give what brings keys: the provider, the resync, the look for orphans."""
        return (self.surface.provider.run(), self._resync(), self._sweep())

    async def reconciling(self) -> None:
        """Reconcile from the end of the first look on, until the queue is stopped."""
        await self._intake.gathered()
        await self.queue.run()

    def stop_reconciling(self) -> None:
        """Start no reconcile any more, not even the first."""
        self.queue.stop()
        self._intake.mark_gathered()

    async def reconnected(self) -> None:
        """Look at everything again: NATS may have lost what it had."""
        _log.info("nats_reconnected")
        self.surface.forget()
        self._reconciler.reconnected()
        self._intake.announce_all()

    @property
    def missing_kinds(self) -> Sequence[Kind]:
        """List the kinds that have not been listed completely yet."""
        return self._intake.store.missing_kinds

    def readings(self) -> Mapping[Family, Reading]:
        """Give the metrics of the parts; those that a surface does not have are without values."""
        return {
            metric_families.OBJECTS: self._objects,
            metric_families.QUEUE_DEPTH: lambda: self.queue.depth,
            metric_families.QUEUE_OLDEST: lambda: self.queue.oldest_seconds,
            metric_families.QUEUE_RETRYING: lambda: self.queue.retrying,
            metric_families.QUEUE_ADDED: lambda: self.queue.counters.added,
            metric_families.JETSTREAM: lambda: self._reconciler.requests,
            metric_families.ORPHANS_HELD: lambda: self._reconciler.orphans_held,
            **dict.fromkeys(metric_families.OF_KUBERNETES, dict),
            **self.surface.readings,
        }

    def _objects(self) -> Values:
        return {(kind,): len(tuple(self._intake.store.keys(kind))) for kind in KINDS}

    async def _work(self, key: Key) -> float | None:
        with timed(key.kind, tell=self._reconciled):
            await self.surface.before(key)
            again = await self._reconciler.reconcile(key)
            await self.surface.after(key)
        return again

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            self._intake.announce_all()

    async def _sweep(self) -> None:
        await self._intake.synced()
        while True:
            try:
                await self._reconciler.sweep_orphans()
            except JethookError as exc:
                _log.warning("sweep_failed", reason=exc.reason, message=exc.message)
            except Exception:  # noqa: BLE001 -- the top of a task: one failed look leaves the next alone
                _log.exception("sweep_failed", reason="Bug")
            await asyncio.sleep(self._streams.sweep_seconds)


async def operation(settings: OperatorSettings, *, client: Client, reconciled: Reconciled = untold) -> Operation:
    """Build everything for the provider that the settings name; raises Invalid when a setting is wrong."""
    built = Operation(settings, reconciled=reconciled)
    if settings.provider == "files":
        surface, intake = files_surface(settings, client=client, make_intake=built.make_intake)
    else:
        from jethook_operator.shell.kube_surface import kube_surface  # kopf and the client: 1 s that files do not need

        surface, intake = await kube_surface(settings, make_intake=built.make_intake)
    built.assemble(surface, intake=intake, client=client)
    return built


def stream_settings(settings: OperatorSettings) -> StreamSettings:
    """Say how streams are made, as far as the settings tell; the rest are the product's defaults."""
    given = {} if settings.events_max_bytes is None else {"events_max_bytes": settings.events_max_bytes}
    return StreamSettings(
        install_id=settings.install_id,
        replicas=settings.stream_replicas,
        orphan_grace_seconds=settings.orphan_grace_seconds,
        orphan_hold_percent=settings.orphan_hold_percent,
        **given,
    )


def key_ring(folder: Path, *, pool: str) -> KeyRing:
    """Read a pool's keys, or raise Waiting `NoPlanKey`; read each time, so that a rotated file counts at once."""
    path = folder / pool
    try:
        return KeyRing(SecretStr(path.read_text()))
    except (OSError, UnicodeDecodeError) as exc:
        raise Waiting("NoPlanKey", f"pool {pool} has no readable key file {pool} in the plan keys folder") from exc
