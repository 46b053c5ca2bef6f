"""All lanes of a process: which endpoints have one, and which of them may work now."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from nats.js import JetStreamContext

from jethook_contract.control import ControlAnswer
from jethook_contract.errors import Invalid, JethookError
from jethook_contract.members import shard_of
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.backlog_excess import excess, overdue
from jethook_dispatcher.shell.attempt_counts import LARGE_BYTES, WRITE_LARGE_SECONDS, WRITE_SECONDS
from jethook_dispatcher.shell.lane import Lane
from jethook_dispatcher.shell.lane_backlog import BacklogReader
from jethook_dispatcher.shell.lane_grant import Grant, Ownership
from jethook_dispatcher.shell.lane_reports import Reporter
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_trim import Trimmer
from jethook_dispatcher.shell.plan import PlanEntry

TICK_SECONDS = 1.0
POLL_SECONDS = 5.0
MAX_POLLS_PER_SECOND = 50

_log = structlog.get_logger(__name__)

Address = tuple[str, str]  # namespace and name of an endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesSettings:
    """`release_seconds`: how long attempts that have begun may take when a shard is handed over."""

    release_seconds: float = 18.0
    poll_seconds: float = POLL_SECONDS


class Lanes:
    """Keep a lane for each endpoint of the plan; let those work whose shard this member owns.

    `before_release` is awaited when the lanes of a shard have ended and the shard is still held.
    """

    def __init__(
        self,
        services: LaneServices,
        *,
        ownership: Ownership,
        reporter: Reporter,
        jetstream: JetStreamContext,
        settings: LanesSettings,
        before_release: Callable[[int], Awaitable[None]],
    ) -> None:
        self._services = services
        self._ownership = ownership
        self._reporter = reporter
        self._backlogs = BacklogReader(jetstream, clock=services.clock)
        self._trimmer = Trimmer(services, jetstream=jetstream)
        self._settings = settings
        self._before_release = before_release
        self._lanes: dict[Address, Lane] = {}
        self._by_shard: defaultdict[int, dict[Address, Lane]] = defaultdict(dict)
        self._gained: set[int] = set()
        self._faulty: dict[str, PlanEntry] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    async def put(self, key: str, entry: PlanEntry | None) -> None:
        """Follow the plan: serve a new or changed part, drop one that is gone, stop one that is faulty."""
        namespace, endpoint, subscription = key.split(".")
        address = (namespace, endpoint)
        if entry is None or entry.part is None or entry.fault is not None:
            await self._remove(address, subscription=subscription)
            self._tell_fault(key, entry=entry)
            return
        try:
            await self._lane(address).put(entry.part, secrets=entry.secrets)
        except JethookError as exc:
            await self._remove(address, subscription=subscription)
            self._tell_fault(key, entry=PlanEntry(part=entry.part, fault=Invalid(exc.reason, exc.message)))
            return
        self._faulty.pop(key, None)
        if shard_of(*address) in self._gained:
            self._reporter.part_changed(entry.part)

    def gain(self, shard: int) -> None:
        """Work for a shard from now on."""
        self._gained.add(shard)
        for lane in self._by_shard[shard].values():
            lane.gain(Grant(self._ownership, shard=shard))
            for source in lane.sources:
                self._reporter.part_changed(source.part)
        for entry in self._faulty.values():
            self._report_fault(entry, shard=shard)

    def lapse(self, shard: int) -> None:
        """Stop working for a shard that is lost already."""
        self._gained.discard(shard)
        for lane in self._by_shard[shard].values():
            lane.lapse()
        self._tell_gone(shard)

    async def release(self, shard: int) -> None:
        """Hand a shard over; returns when nothing is under way for it, or its time is up."""
        self._gained.discard(shard)
        async with asyncio.TaskGroup() as tasks:
            for lane in list(self._by_shard[shard].values()):
                tasks.create_task(lane.release(seconds=self._settings.release_seconds))
        if self._by_shard[shard]:
            await self._before_release(shard)
        if shard not in self._gained:  # it may have come back meanwhile
            self._tell_gone(shard)

    def skip(self, namespace: str, subscription: str, key: str) -> ControlAnswer | None:
        """Skip the head of a parked key; None where this member does not serve the Subscription."""
        for lane in self._working():
            for source in lane.sources:
                if (source.part.namespace, source.part.subscription.name) == (namespace, subscription):
                    return lane.skip(subscription, key)
        return None

    async def reconnected(self) -> None:
        """Ask for messages anew on a fresh connection."""
        for lane in list(self._lanes.values()):
            await lane.reconnected()

    async def run(self) -> None:
        """Keep leases of messages, counts and backlogs current until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            tasks.create_task(self._save())
            tasks.create_task(self._poll())

    def _lane(self, address: Address) -> Lane:
        lane = self._lanes.get(address)
        if lane is None:
            shard = shard_of(*address)
            lane = self._lanes[address] = self._by_shard[shard][address] = Lane(
                self._services, namespace=address[0], endpoint=address[1]
            )
            if shard in self._gained:
                lane.gain(Grant(self._ownership, shard=shard))
        return lane

    async def _remove(self, address: Address, *, subscription: str) -> None:
        lane = self._lanes.get(address)
        part = await lane.remove(subscription) if lane else None
        if lane is None or part is None:
            return
        self._reporter.part_gone(part)
        self._drop_if_empty(address, lane=lane)

    def _drop_if_empty(self, address: Address, *, lane: Lane) -> None:
        if lane.empty:
            self._lanes.pop(address, None)
            self._by_shard[shard_of(*address)].pop(address, None)

    def _tell_fault(self, key: str, *, entry: PlanEntry | None) -> None:
        former = self._faulty.pop(key, None)
        if former is not None and former.part is not None:
            self._reporter.part_gone(former.part)
        if entry is None or entry.fault is None:
            return
        _log.error("plan part refused, its lane stands still", key=key, reason=entry.fault.reason)
        if entry.part is not None:
            self._faulty[key] = entry
            shard = shard_of(entry.part.namespace, entry.part.endpoint.name)
            if shard in self._gained:
                self._report_fault(entry, shard=shard)

    def _report_fault(self, entry: PlanEntry, *, shard: int) -> None:
        part, fault = entry.part, entry.fault
        if part is None or fault is None or shard_of(part.namespace, part.endpoint.name) != shard:
            return
        self._reporter.part_changed(part)
        self._reporter.part_faulty(part, reason=fault.reason, message=fault.message)

    def _tell_gone(self, shard: int) -> None:
        for entry in self._faulty.values():
            if entry.part is not None and shard_of(entry.part.namespace, entry.part.endpoint.name) == shard:
                self._reporter.part_gone(entry.part)
        for part in [source.part for lane in self._by_shard[shard].values() for source in lane.sources]:
            self._reporter.part_gone(part)

    def _working(self) -> list[Lane]:
        return [lane for shard in self._gained for lane in self._by_shard[shard].values()]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for address, lane in list(self._lanes.items()):
                await lane.tick()
                self._drop_if_empty(address, lane=lane)

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            for lane in self._working():
                for source in list(lane.sources):
                    await self._save_one(lane, source=source)

    async def _save_one(self, lane: Lane, *, source: Source) -> None:
        now = self._services.clock.monotonic()
        if now >= source.counts_due and self._services.client.is_connected:
            size = await lane.save_counts(source)
            source.counts_due = now + (WRITE_LARGE_SECONDS if size > LARGE_BYTES else 0.0)

    async def _poll(self) -> None:
        for _ in itertools.count():
            sources = [(lane, source) for lane in self._working() for source in lane.sources]
            for lane, source in sources:
                await self._poll_one(lane, source=source)
                await asyncio.sleep(1 / MAX_POLLS_PER_SECOND)
            await asyncio.sleep(self._settings.poll_seconds)

    async def _poll_one(self, lane: Lane, *, source: Source) -> None:
        part: PlanPart = source.part
        shard = shard_of(part.namespace, part.endpoint.name)
        if not self._services.client.is_connected or not self._ownership.holds(shard):
            return
        found = await self._backlogs.read(part)
        if found is None or shard not in self._gained:
            return
        if source.counts is not None:
            source.counts.prune(found.ack_floor)
        if source.consumer_created not in ("", found.created):
            source.drop_waiting()  # without a word: the consumer was made anew and knows of none of it
        source.consumer_created = found.created
        self._reporter.backlog(replace(found.report, in_flight=source.holding.started))
        if lane.grant is not None:
            too_many = excess(part.backlog, waiting=found.waiting)
            too_old = overdue(part.backlog, waiting=found.waiting)
            await self._trimmer.trim(source, grant=lane.grant, excess=too_many, overdue=too_old)
