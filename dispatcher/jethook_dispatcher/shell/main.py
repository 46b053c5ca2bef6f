"""The dispatcher process: wire plan, membership, lanes, HTTP and reports together, and end them in order.

Order of the end, on SIGTERM: stop pulling, finish what has begun, give back the rest, write the counts (for each
shard, `Lanes.release`), release the claims, then the lease (`Membership.leave`), write attempts and reports, close
HTTP, export the last spans, close NATS. A connection that NATS closes for good ends the process with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr

from jethook_contract.connection import ConnectionHooks, connect_patiently, disconnect
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.sealing import KeyRing
from jethook_dispatcher.core.ownership_state import LossReason
from jethook_dispatcher.shell.attempt_counts import AttemptCountStore
from jethook_dispatcher.shell.attempts import AttemptLog
from jethook_dispatcher.shell.clock import Clock, LoopLoad
from jethook_dispatcher.shell.control import serve_control
from jethook_dispatcher.shell.deadletters import DeadLetters
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.gate_store import GateRecords
from jethook_dispatcher.shell.kube_client import KubeClient
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_attempt import AttemptRunner
from jethook_dispatcher.shell.lane_background import Background
from jethook_dispatcher.shell.lane_backlog import Consumers
from jethook_dispatcher.shell.lane_egress import Egress, Place, addresses_of, nats_places
from jethook_dispatcher.shell.lane_held import ByteBudget
from jethook_dispatcher.shell.lane_log import LoggedReports
from jethook_dispatcher.shell.lane_reports import Reporter
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_status import StatusReports, api_server
from jethook_dispatcher.shell.lane_suspects import Suspects
from jethook_dispatcher.shell.lanes import Lanes, LanesSettings
from jethook_dispatcher.shell.membership import Membership, MembershipSettings
from jethook_dispatcher.shell.membership_connection import Link, open_member_link
from jethook_dispatcher.shell.monitored import monitored
from jethook_dispatcher.shell.plan import PlanWatch
from jethook_dispatcher.shell.settings import DispatcherSettings
from jethook_dispatcher.shell.tracing import Tracing, open_tracing
from jethook_dispatcher.shell.trials import Trials
from jethook_dispatcher.shell.ulid import Ulids

if TYPE_CHECKING:
    from jethook_dispatcher.shell.monitoring import Monitoring

_PROTECT_AGAIN_SECONDS = 60.0
_RESERVE_SECONDS = 3.0
"""Of the drain: for writing what has to be written after the last attempt."""

_log = structlog.get_logger(__name__)


async def run(settings: DispatcherSettings, *, stop: asyncio.Event) -> int:
    """Deliver until `stop` is set, then end in order; gives the exit code.

    NATS that does not answer at the start is waited for. Raises Invalid when the plan keys or the credentials of the
    cluster cannot be read, spans not be exported, or metrics not be served where the settings say.
    """
    # Each request makes a few hundred short-lived objects: collecting every 700 of them costs an eighth of the speed.
    gc.set_threshold(20_000, 20, 50)
    keys = read_keys(settings.plan_keys_file)
    async with monitored(settings) as monitoring:
        return await _deliver(settings, keys=keys, monitoring=monitoring, stop=stop)


async def _deliver(
    settings: DispatcherSettings, *, keys: KeyRing, monitoring: Monitoring | None, stop: asyncio.Event
) -> int:
    tracing = open_tracing(member=settings.member, pool=settings.pool) if settings.tracing else None
    hooks, closed = ConnectionHooks(), asyncio.Event()
    hooks.closed.append(_setter(closed))
    hooks.disconnected.append(_tell_disconnected)
    client = await connect_patiently(settings.nats, hooks=hooks, stop=stop, waiting=_tell_waiting)
    if client is None:
        return 0
    members = await open_member_link(settings.nats, closed=_setter(closed), stop=stop, waiting=_tell_waiting)
    if members is None:
        await disconnect(client)
        return 0
    kube = await KubeClient.open(settings.kubeconfig, context=settings.context) if settings.kubernetes else None
    work = Link(client, hooks)
    dispatcher = Dispatcher(
        settings, work=work, members=members, keys=keys, kube=kube, tracing=tracing, monitoring=monitoring
    )
    try:
        await dispatcher.work(stop, closed=closed)
    finally:
        lost = closed.is_set()
        await dispatcher.close()
        await disconnect(members.client)
        await disconnect(client)
    if lost:
        _log.error("NATS closed the connection for good")
    return 1 if lost else 0


def read_keys(path: Path) -> KeyRing:
    """Read the pool's key ring, or raise Invalid `NoPlanKey`."""
    try:
        return KeyRing(SecretStr(path.read_text()))
    except (OSError, UnicodeDecodeError) as exc:
        raise Invalid("NoPlanKey", f"the plan key file {path} cannot be read; is it mounted?") from exc


async def _tell_disconnected() -> None:
    _log.warning("nats_disconnected", effect="everything waits until it is back")


def _tell_waiting(exc: Unavailable) -> None:
    _log.warning("nats_not_reachable", message=exc.message)


class Dispatcher:
    """All parts of one process, wired."""

    def __init__(
        self,
        settings: DispatcherSettings,
        *,
        work: Link,
        members: Link,
        keys: KeyRing,
        kube: KubeClient | None,
        tracing: Tracing | None,
        monitoring: Monitoring | None,
    ) -> None:
        client, jetstream = work.client, work.client.jetstream()
        self._client = client
        self._settings = settings
        self._egress = Egress()
        self._background = Background()
        self._log = AttemptLog(jetstream)
        self._deliverer = Deliverer.open(lambda: self._egress.policy)
        self._tracing = tracing
        self._kube = kube
        self._membership = self._make_membership(members, work)
        self._status = StatusReports(jetstream, pool=settings.pool, membership=self._membership, kube=kube)
        reports: Reporter = LoggedReports(self._status.reporter)
        if monitoring is not None:
            reports = monitoring.measured(reports)
        self._budget = ByteBudget(settings.prefetch_bytes)
        self._lanes = Lanes(
            self._make_services(reports),
            ownership=self._membership,
            reporter=reports,
            jetstream=jetstream,
            settings=LanesSettings(
                release_seconds=max(0.5, settings.drain_seconds - 2 * _RESERVE_SECONDS),
                poll_seconds=settings.backlog_poll_seconds,
            ),
            before_release=self._status.flush,
        )
        self._plan = PlanWatch(
            jetstream, pool=settings.pool, keys=keys, on_part=self._lanes.put, on_pool=self._egress.set_pool
        )
        work.hooks.reconnected += [self._plan.reconnected, self._lanes.reconnected]
        if monitoring is not None:
            monitoring.watch(
                client=client,
                membership=self._membership,
                plan=self._plan,
                lanes=self._lanes,
                budget=self._budget,
                log=self._log,
                writes=self._status.writes,
            )

    async def work(self, stop: asyncio.Event, *, closed: asyncio.Event) -> None:
        """Work until one of the events is set; after `stop` hand everything over first."""
        await self._protect()
        await serve_control(self._client, pool=self._settings.pool, skip=self._lanes.skip)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work)
                for work in (
                    self._plan.run(),
                    self._lanes.run(),
                    self._log.run(),
                    self._status.run(),
                    self._be_member(),
                    self._keep_protected(),
                )
            ]
            await _first_of(stop, closed)
            if not closed.is_set():
                _log.info("draining", seconds=self._settings.drain_seconds)
                await self._membership.leave()
            for task in running:
                task.cancel()

    async def close(self) -> None:
        """Write what is left to write and let go of everything but the NATS connection."""
        if self._client.is_connected:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RESERVE_SECONDS):
                    await self._log.flush()
        await self._background.close()
        await self._deliverer.close()
        if self._tracing is not None:
            await self._tracing.close()
        await self._status.close()

    async def _protect(self) -> None:
        self._egress.protect(await addresses_of(self._protected()))

    async def _keep_protected(self) -> None:
        """Look again where NATS and the API server are; an address once protected stays so."""
        while True:
            await asyncio.sleep(_PROTECT_AGAIN_SECONDS)
            await self._protect()

    def _protected(self) -> set[Place]:
        api = api_server(self._kube) if self._kube else None
        return {*nats_places(self._client), *self._settings.protected, *([api] if api else [])}

    async def _be_member(self) -> None:
        # Nothing may be delivered before the pool's egress rules are known.
        await self._plan.pool_known.wait()
        await self._membership.run()

    def _make_membership(self, *links: Link) -> Membership:
        return Membership(
            links,
            settings=MembershipSettings(
                member=self._settings.member,
                pool=self._settings.pool,
                drain_seconds=max(1.0, self._settings.drain_seconds - _RESERVE_SECONDS),
                timings=self._settings.timings,
            ),
            on_gain=self._gained,
            on_lose=self._lost,
            utilization=LoopLoad().percent,
        )

    def _make_services(self, reporter: Reporter) -> LaneServices:
        jetstream, clock, acks = self._client.jetstream(), Clock(), Acks(self._client)
        runner = AttemptRunner(
            sender=self._tracing.around(self._deliverer) if self._tracing is not None else self._deliverer,
            acks=acks,
            dead_letters=DeadLetters(jetstream),
            log=self._log,
            reporter=reporter,
            clock=clock,
            random=random.random,
            ulids=Ulids(),
        )
        trials = Trials(jetstream, pool=self._settings.pool, spawn=self._background.spawn)
        return LaneServices(
            client=self._client,
            clock=clock,
            runner=runner,
            consent=self._deliverer.handshakes,
            gates=GateRecords(jetstream, pool=self._settings.pool),
            consumers=Consumers(jetstream),
            reporter=reporter,
            counts=AttemptCountStore(jetstream, pool=self._settings.pool, nonce=self._membership),
            acks=acks,
            budget=self._budget,
            suspects=Suspects(trials, runner=runner, acks=acks, clock=clock),
            spawn=self._background.spawn,
        )

    def _gained(self, shard: int) -> None:
        self._lanes.gain(shard)

    async def _lost(self, shard: int, reason: LossReason) -> None:
        if reason is LossReason.RELEASED:
            await self._lanes.release(shard)
        else:
            self._lanes.lapse(shard)


async def _first_of(*wanted: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in wanted]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _setter(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def set_it() -> None:
        event.set()

    return set_it
