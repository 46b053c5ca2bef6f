"""The operator at work: the parts of the process, put together, and the timers that drive them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
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
from jethook_operator.shell.leadership import Leadership
from jethook_operator.shell.metrics import Reconciled, timed, untold
from jethook_operator.shell.pool_scaling import PoolScaling
from jethook_operator.shell.pools import scaled_by
from jethook_operator.shell.provider import Intake, Surface
from jethook_operator.shell.reconciler import Reconciler, Surroundings
from jethook_operator.shell.settings import OperatorSettings
from jethook_operator.shell.store import KINDS, ResourceStore
from jethook_operator.shell.streams import StreamSettings
from jethook_operator.shell.workqueue import WorkQueue

STALLED_SECONDS = 900.0  # long enough for one worker to empty ten million events of a removed Subscription
_log = structlog.get_logger(__name__)


class Operation:
    """Hold the parts, and run them: `surface`, `queue`, the intake and the reconciler.

    A process that stands by gathers, so that its store is warm, and nothing else.
    """

    def __init__(self, settings: OperatorSettings, *, leadership: Leadership, reconciled: Reconciled = untold) -> None:
        self._settings = settings
        self._reconciled = reconciled
        self._streams = stream_settings(settings)
        self.queue: WorkQueue[Key] = WorkQueue(
            self._work,
            workers=settings.workers,
            random=random.random,
        )
        self.leadership = leadership
        self.surface: Surface
        self._intake: Intake
        self._reconciler: Reconciler
        self._scaling: PoolScaling | None = None  # where the operator owns the pools' Deployments

    def make_intake(self, store: ResourceStore) -> Intake:
        """Make the intake whose changes go to the queue."""
        return Intake(store, affected=affected, notify=self._enqueue)

    def assemble(self, surface: Surface, *, intake: Intake, client: Client) -> None:
        """Put the parts together; called once, before anything runs."""
        self.surface = surface
        self._intake = intake
        surroundings = Surroundings(
            reader=intake.store,
            status=surface.status,
            events=surface.events,
            key_ring=surface.key_ring or (lambda pool: key_ring(self._settings.plan_keys_dir, pool=pool)),
            children=surface.children,
            enqueue=self._enqueue,
            fence=self.leadership.fence,
        )
        self._reconciler = Reconciler(client, settings=self._streams, surroundings=surroundings)
        if surface.children is not None:
            loads, namespace = self._reconciler.pool_loads, self._settings.namespace
            self._scaling = PoolScaling(loads, reader=intake.store, namespace=namespace, enqueue=self._enqueue)
            surface.children.decide_by(scaled_by(self._scaling))

    def gathering(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Give what brings keys: the provider, and what only a process that leads does by the clock."""
        scaling = () if self._scaling is None else (self._scaling.run,)
        return (self.surface.provider.run(), *map(self._while_leading, (self._resync, self._sweep, *scaling)))

    async def electing(self) -> None:
        """Take part in the election once the first look is over: thousands of objects hold the loop for seconds.

        So a process with a warm store is not overtaken by one that has just started either.
        """
        await self._intake.gathered()
        await self.leadership.run()

    async def reconciling(self) -> None:
        """Reconcile everything once this process leads and the first look is over, until the queue is stopped."""
        await self._intake.gathered()
        await self.leadership.gained()
        await self.surface.lead()
        self._intake.announce_all()
        await self.queue.run()

    async def background(self) -> None:
        """Run what the surface has beside reconciles, once this process leads."""
        await self._while_leading(self.surface.background)

    def stop_reconciling(self) -> None:
        """Start no reconcile any more, not even the first."""
        self.queue.stop()
        self._intake.mark_gathered()

    async def reconnected(self) -> None:
        """Look at everything again: NATS may have lost what it had."""
        _log.info("nats_reconnected")
        self.surface.forget()
        self._reconciler.reconnected()
        if self._scaling is not None:
            self._scaling.reconnected()
        self._intake.announce_all()

    @property
    def ailment(self) -> str:
        """Say why a new process would do better than this one; empty for well."""
        stalled = self.queue.stalled_seconds
        if stalled > STALLED_SECONDS:
            return f"objects wait, and no reconcile has ended for {stalled:.0f} s"
        return self.surface.ailment()

    @property
    def missing_kinds(self) -> Sequence[Kind]:
        """List the kinds that have not been listed completely yet."""
        return self._intake.store.missing_kinds

    def readings(self) -> Mapping[Family, Reading]:
        """Give the metrics of the parts; those that a surface does not have are without values."""
        return {
            metric_families.LEADER: lambda: int(self.leadership.leads),
            metric_families.OBJECTS: self._objects,
            metric_families.QUEUE_DEPTH: lambda: self.queue.depth,
            metric_families.QUEUE_OLDEST: lambda: self.queue.oldest_seconds,
            metric_families.QUEUE_RETRYING: lambda: self.queue.retrying,
            metric_families.QUEUE_ADDED: lambda: self.queue.counters.added,
            metric_families.JETSTREAM: lambda: self._reconciler.requests,
            metric_families.ORPHANS_HELD: lambda: self._reconciler.orphans_held,
            **dict.fromkeys(metric_families.OF_KUBERNETES, dict),
            **(self._scaling.readings if self._scaling is not None else {}),
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

    def _enqueue(self, key: Key) -> None:
        """Have a key reconciled, if this process leads: whoever begins to lead looks at everything anyway."""
        if self.leadership.leads:
            self.queue.add(key)

    async def _while_leading(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin it once this process leads; when the lead is lost, the process ends."""
        await self.leadership.gained()
        await work()

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


async def operation(
    settings: OperatorSettings, *, client: Client, leadership: Leadership, reconciled: Reconciled = untold
) -> Operation:
    """Build everything for the provider that the settings name; raises Invalid when a setting is wrong."""
    built = Operation(settings, leadership=leadership, reconciled=reconciled)
    if settings.provider == "files":
        surface, intake = files_surface(settings, client=client, make_intake=built.make_intake)
    else:
        from jethook_operator.shell.kube_surface import kube_surface  # kopf and the client: 1 s that files do not need

        surface, intake = await kube_surface(settings, make_intake=built.make_intake, leadership=leadership)
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


def key_ring(folder: Path | None, *, pool: str) -> KeyRing:
    """Read a pool's keys, or raise Waiting `NoPlanKey`; read each time, so that a rotated file counts at once."""
    if folder is None:
        raise Waiting("NoPlanKey", f"pool {pool} has no key: no plan keys folder is given")
    path = folder / pool
    try:
        return KeyRing(SecretStr(path.read_text()))
    except (OSError, UnicodeDecodeError) as exc:
        raise Waiting("NoPlanKey", f"pool {pool} has no readable key file {pool} in the plan keys folder") from exc
