"""All lanes of a process: which endpoints have one, and which of them may work now."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
from nats.js import JetStreamContext

from jethook_contract.control import ControlAnswer
from jethook_contract.errors import Invalid, JethookError
from jethook_contract.members import shard_of
from jethook_dispatcher.shell.attempt_counts import LARGE_BYTES, WRITE_LARGE_SECONDS, WRITE_SECONDS
from jethook_dispatcher.shell.lane import Lane
from jethook_dispatcher.shell.lane_grant import Grant, Ownership
from jethook_dispatcher.shell.lane_looks import POLL_SECONDS, BacklogRounds
from jethook_dispatcher.shell.lane_reports import Reporter
from jethook_dispatcher.shell.lane_saves import save_all
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.plan import PlanEntry

TICK_SECONDS = 1.0
RESTING_TICKS = 5

_log = structlog.get_logger(__name__)

Address = tuple[str, str]  # namespace and name of an endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesSettings:
    """`release_seconds`: how long attempts that have begun may take when a shard is handed over."""

    release_seconds: float = 18.0
    poll_seconds: float = POLL_SECONDS


class Lanes:
    """Keep a lane for each endpoint of the plan; let those work whose shard this member owns.

    A lane that is at rest is looked at each `RESTING_TICKS` only: looking at thousands each second costs more than they
    do. What a consumer sends it, and what is asked of it here, has it ticked again.
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
        self._rounds = BacklogRounds(
            services, jetstream=jetstream, working=self._working, poll_seconds=settings.poll_seconds
        )
        self._settings = settings
        self._before_release = before_release
        self._lanes: dict[Address, Lane] = {}
        self._by_shard: defaultdict[int, dict[Address, Lane]] = defaultdict(dict)
        self._gained: set[int] = set()
        self._awake: set[Address] = set()
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
        self._awake.update(self._by_shard[shard])
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
        self._awake.update(self._lanes)
        for lane in list(self._lanes.values()):
            await lane.reconnected()

    async def run(self) -> None:
        """Keep leases of messages, counts and backlogs current until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            tasks.create_task(self._save())
            tasks.create_task(self._rounds.run())

    def _lane(self, address: Address) -> Lane:
        lane = self._lanes.get(address)
        self._awake.add(address)
        if lane is None:
            shard = shard_of(*address)
            lane = self._lanes[address] = self._by_shard[shard][address] = Lane(
                self._services,
                namespace=address[0],
                endpoint=address[1],
                stirred=partial(self._awake.add, address),
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
        for count in itertools.count():
            await asyncio.sleep(TICK_SECONDS)
            some = list(self._lanes)[count % RESTING_TICKS :: RESTING_TICKS]
            for address in self._awake.union(some):
                await self._tick_one(address)

    async def _tick_one(self, address: Address) -> None:
        lane = self._lanes.get(address)
        if lane is None or lane.at_rest(now=self._services.clock.monotonic()):
            self._awake.discard(address)
            return
        self._awake.add(address)
        await lane.tick()
        self._drop_if_empty(address, lane=lane)

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            lanes = [lane for address in self._awake if (lane := self._lanes.get(address)) is not None]
            sources = [(lane, source) for lane in lanes for source in lane.sources]
            await save_all(
                [one for one in sources if one[1].counts is not None and one[1].counts.changed], save=self._save_one
            )

    async def _save_one(self, one: tuple[Lane, Source]) -> None:
        lane, source = one
        now = self._services.clock.monotonic()
        if now >= source.counts_due and self._services.client.is_connected:
            size = await lane.save_counts(source)
            source.counts_due = now + (WRITE_LARGE_SECONDS if size > LARGE_BYTES else 0.0)
