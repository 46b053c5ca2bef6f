"""Look for what is left of objects that are gone, and for what is missing of those that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import structlog

from jethook_contract import names
from jethook_operator.core.observations import ObservedPart, Place
from jethook_operator.core.orphans import OrphanDecision, OrphanInputs, Owned, decide_orphans
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.shell.consumers import Consumers
from jethook_operator.shell.namespaces import Namespaces
from jethook_operator.shell.plans import Plans
from jethook_operator.shell.streams import Streams, StreamSettings
from jethook_operator.shell.sweep import Sweeper

_log = structlog.get_logger(__name__)


class SubscriptionLocks:
    """One lock a Subscription: a removal and a re-creation must not run into each other."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Owned, asyncio.Lock] = WeakValueDictionary()

    def of(self, namespace: str, name: str) -> asyncio.Lock:
        """Give the lock."""
        return self._locks.setdefault(Owned(namespace, name), asyncio.Lock())


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsParts:
    """All that touches NATS."""

    streams: Streams
    consumers: Consumers
    plans: Plans
    namespaces: Namespaces
    sweeper: Sweeper
    locks: SubscriptionLocks


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanReport:
    """What a look found: `held` says what was not removed and why, `missing` what is to be reconciled again."""

    held: tuple[str, ...] = ()
    missing: tuple[Key, ...] = ()


class Orphans:
    """Mark, adopt and remove; touches only what belongs to this installation."""

    def __init__(
        self, parts: NatsParts, *, reader: ResourceReader, settings: StreamSettings, now: Callable[[], datetime]
    ) -> None:
        self._parts = parts
        self._reader = reader
        self._settings = settings
        self._now = now

    async def look(self) -> OrphanReport:
        """Look once. Nothing is done before every kind was listed completely."""
        if not self._reader.synced:
            return OrphanReport()
        namespaces = await self._parts.streams.namespaces()
        found = await self._found(namespaces)
        await self._carry_on(namespaces)
        # The objects are listed after what NATS holds: whatever was made meanwhile has its object in this list.
        alive = frozenset(Owned(key.namespace, key.name) for key in self._reader.keys("Subscription"))
        decision = decide_orphans(self._inputs(found, alive=alive, parts=self._parts.plans.all()))
        await self._apply(decision)
        streams_held = await self._namespaces(namespaces)
        retired_held = await self._retired(namespaces)
        known = {owned for owned, _ in found}
        again = sorted((alive - known) | set(decision.adopt))
        missing = tuple(Key("Subscription", one.namespace, one.name) for one in again)
        return OrphanReport(held=(*decision.held, *streams_held, *retired_held), missing=missing)

    async def remove(self, owned: Owned) -> None:
        """Remove the consumer of a Subscription that is gone, with all that waits for it, now."""
        stream = names.events_stream(owned.namespace)
        async with self._parts.locks.of(owned.namespace, owned.name):
            if self._reader.subscription(owned.namespace, owned.name) is not None:
                return
            await self._parts.sweeper.detach(stream, owned.name)
            self._parts.consumers.drop(stream, owned.name)
        await self._parts.sweeper.drain(stream, owned.name)

    async def _found(self, namespaces: dict[str, str]) -> tuple[tuple[Owned, datetime | None], ...]:
        found = []
        for namespace in namespaces:
            loaded = await self._parts.consumers.load(names.events_stream(namespace))
            for name, consumer in loaded.items():
                subscription = name.removeprefix(names.SUBSCRIPTION_CONSUMER_PREFIX)
                found.append((Owned(namespace, subscription), _time(consumer.orphaned_at)))
        return tuple(found)

    def _inputs(
        self,
        found: tuple[tuple[Owned, datetime | None], ...],
        *,
        alive: frozenset[Owned],
        parts: tuple[ObservedPart, ...] = (),
        what: str = "consumers",
    ) -> OrphanInputs:
        return OrphanInputs(
            now=self._now(),
            grace=timedelta(seconds=self._settings.orphan_grace_seconds),
            hold_percent=self._settings.orphan_hold_percent,
            alive=alive,
            found=found,
            parts=tuple((Owned(one.part.namespace, one.part.subscription.name), one.place) for one in parts),
            what=what,
        )

    async def _apply(self, decision: OrphanDecision) -> None:
        for place in decision.remove_parts:
            await self._remove_part(place)
        at = self._now().isoformat()
        for owned in decision.mark:
            async with self._parts.locks.of(owned.namespace, owned.name):
                if self._reader.subscription(owned.namespace, owned.name) is None:
                    stream = names.events_stream(owned.namespace)
                    await self._parts.consumers.mark_orphaned(stream, owned.name, at=at)
        for owned in decision.remove:
            await self.remove(owned)

    async def _remove_part(self, place: Place) -> None:
        namespace, _, subscription = place.key.split(".")
        async with self._parts.locks.of(namespace, subscription):
            if self._reader.subscription(namespace, subscription) is None:
                await self._parts.plans.remove(place)
                _log.info("plan_part_removed", pool=place.pool, key=place.key)

    async def _namespaces(self, namespaces: dict[str, str]) -> tuple[str, ...]:
        """Mark the streams of namespaces without any object; remove them after the grace when they are empty."""
        kinds = (self._reader.keys("Subscription"), self._reader.keys("WebhookEndpoint"))
        alive = frozenset(Owned(key.namespace, "") for keys in kinds for key in keys)
        found = tuple((Owned(namespace, ""), _time(since)) for namespace, since in namespaces.items())
        decision = decide_orphans(self._inputs(found, alive=alive, what="events streams"))
        for owned in decision.mark:
            await self._parts.streams.mark_orphaned(owned.namespace, at=self._now().isoformat())
        for owned in decision.adopt:
            await self._parts.streams.mark_orphaned(owned.namespace, at="")
        for owned in decision.remove:
            if await self._parts.streams.remove_empty(owned.namespace):
                _log.info("streams_removed", namespace=owned.namespace)
        return decision.held

    async def _retired(self, namespaces: dict[str, str]) -> tuple[str, ...]:
        """Remove what gone namespaces left, after the grace; held when many go at once, as after a restore."""
        retired = await self._parts.streams.retired()
        live = tuple((Owned(namespace, ""), None) for namespace in namespaces)
        found = (*live, *((Owned("", name), _time(since)) for name, since in retired.items()))
        alive = frozenset(owned for owned, _ in live)
        decision = decide_orphans(self._inputs(found, alive=alive, what="events streams, retired ones too,"))
        for owned in decision.remove:
            await self._parts.streams.remove_retired(owned.name)
            _log.info("retired_stream_removed", stream=owned.name)
        return decision.held

    async def _carry_on(self, namespaces: dict[str, str]) -> None:
        for namespace in namespaces:
            stream = names.events_stream(namespace)
            for subscription in self._parts.consumers.sweeps(stream):
                await self._parts.sweeper.drain(stream, subscription)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
