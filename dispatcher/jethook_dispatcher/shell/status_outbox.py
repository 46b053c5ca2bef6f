"""Write the reports of objects to the bucket, and offer them to the resources, in good time.

A change of condition is written at once, at most once a second an object; counters every 15 s an object; all within
the pool's write budget; equal reports not at all. When the budget is short, changes of an endpoint's condition go
first, then those of Subscriptions, then counters (`WriteQueue`). Only the owner of an object's shard writes, after it
has loaded what the former owner stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.tracked import ObjectKey, Tracked
from jethook_dispatcher.core.write_budget import WriteBudget
from jethook_dispatcher.core.write_order import Place, Urgency, WriteQueue
from jethook_dispatcher.shell.clock import Clock

TICK_SECONDS = 0.25
LOOKS_A_TICK = 512
LOADS_AT_ONCE = 64
LOOKS_AT_A_STRETCH = 32
RETRY_SECONDS = 2.0
FLUSH_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class StatusStore(Protocol):
    """Where records are kept; see `StatusBucket`."""

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        """Give record and revision, or raise Unavailable."""

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        """Write, give the new revision, None when another wrote in between; raise Unavailable."""


class StatusSink(Protocol):
    """Where stored records are shown too; see `KubeStatusWriter`."""

    def offer(self, record: StatusRecord, *, shard: int, urgency: Urgency) -> None:
        """Take the newest record of an object of a shard that is held now, without waiting."""


class _Letter(NamedTuple):
    """A record that is to be written."""

    tracked: Tracked
    record: StatusRecord
    urgency: Urgency


class StatusOutbox:
    """Hold the objects whose report is to be looked at, and write those that say something new.

    `holds`: whether a shard's records may be written now. `share`: of the pool's shards, how many are held (0 to 1).
    """

    def __init__(
        self,
        store: StatusStore,
        *,
        clock: Clock,
        holds: Callable[[int], bool],
        share: Callable[[], float],
        sink: StatusSink | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._holds = holds
        self._share = share
        self._sink = sink
        self._budget = WriteBudget()
        self._queue: WriteQueue[ObjectKey] = WriteQueue()
        self._objects: dict[ObjectKey, Tracked] = {}
        self._in_flight: set[ObjectKey] = set()
        self._loading = 0
        self._wake = asyncio.Event()

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._queue

    @property
    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return not self._queue

    def put(self, tracked: Tracked, *, urgent: bool) -> None:
        """Take that an object's report may have changed; `urgent`: its condition may have."""
        at = tracked.due_at(urgent=urgent, now=self._clock.monotonic())
        self._put(tracked, urgency=tracked.turned if urgent else Urgency.COUNTERS, at=at)

    def drop(self, key: ObjectKey) -> None:
        """Forget an object."""
        self._queue.drop(key)
        self._objects.pop(key, None)

    async def run(self) -> None:
        """Write what is due, for ever; idle while nothing waits. What takes long holds up nothing else."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wake.wait()
                letters, missing = await self._look_through()
                if letters:
                    tasks.create_task(self._write_all(letters))
                if missing:
                    tasks.create_task(self._load_all(missing))
                if not self._queue:
                    self._wake.clear()
                await asyncio.sleep(TICK_SECONDS)

    async def flush(self, *, shard: int | None = None) -> None:
        """Write what waits now, before a shard (None: every shard) is given up; at most 5 s, budget or not."""
        found = [tracked for tracked in self._objects.values() if shard is None or tracked.shard == shard]
        places = [Place(tracked.key, tracked.turned, self._clock.monotonic()) for tracked in found]
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._load_all(list(zip(found, places, strict=True)))
                await self._write_all([letter for one in found if (letter := self._flushed(one)) is not None])
        except TimeoutError:
            _log.warning("status not flushed", objects=len(found))

    async def _look_through(self) -> tuple[list[_Letter], list[tuple[Tracked, Place[ObjectKey]]]]:
        """Look at what is due until the budget is spent; give what is to be written, and what is to be loaded first."""
        now, share = self._clock.monotonic(), self._share()
        missing: list[tuple[Tracked, Place[ObjectKey]]] = []
        letters: list[_Letter] = []
        for look in range(1, LOOKS_A_TICK + 1):
            place = self._queue.take(now=now) if len(missing) + self._loading < LOADS_AT_ONCE else None
            if place is None:
                break
            tracked = self._objects.pop(place.key)
            if tracked.revision is None:
                missing.append((tracked, place))
            elif (letter := self._news(tracked, place=place)) is not None:
                if not self._budget.take(now=now, share=share):
                    self._objects[place.key] = tracked
                    self._queue.give_back(place, urgency=letter.urgency)
                    break
                letters.append(letter)
            if look % LOOKS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)
        return letters, missing

    def _news(self, tracked: Tracked, *, place: Place[ObjectKey]) -> _Letter | None:
        """Give what is to be written for an object that was taken; None when nothing is, or not yet."""
        if not self._holds(tracked.shard) or tracked.key in self._in_flight:
            self._postpone(tracked, urgency=place.urgency)
            return None
        letter = self._letter(tracked)
        if letter is not None and letter.urgency > place.urgency:
            # Its condition says the same in other words: nothing to overtake others with.
            self._put(tracked, urgency=letter.urgency, at=place.at)
            return None
        return letter

    def _flushed(self, tracked: Tracked) -> _Letter | None:
        if tracked.revision is None or not self._holds(tracked.shard) or tracked.key in self._in_flight:
            return None
        self.drop(tracked.key)
        return self._letter(tracked)

    def _letter(self, tracked: Tracked) -> _Letter | None:
        """Write the report of this moment; None when it says what is stored."""
        now = self._clock.monotonic()
        record = tracked.record(at=self._clock.now(), now=now)
        if record == tracked.stored:
            tracked.found_equal(now=now)
            return None
        return _Letter(tracked, record, tracked.urgency_of(record))

    async def _load_all(self, missing: Sequence[tuple[Tracked, Place[ObjectKey]]]) -> None:
        self._loading += len(missing)
        _tell(await asyncio.gather(*(self._counted_load(tracked, place=place) for tracked, place in missing)))

    async def _counted_load(self, tracked: Tracked, *, place: Place[ObjectKey]) -> Unavailable | None:
        try:
            return await self._load(tracked, place=place)
        finally:
            self._loading -= 1

    async def _load(self, tracked: Tracked, *, place: Place[ObjectKey]) -> Unavailable | None:
        if tracked.revision is None:
            try:
                record, revision = await self._store.load(tracked.key)
            except Unavailable as exc:
                self._postpone(tracked, urgency=place.urgency)
                return exc
            tracked.loaded(record, revision=revision)
            urgency = tracked.unshown(at=self._clock.now())
            if urgency is not None and tracked.stored is not None:
                self._show(tracked, record=tracked.stored, urgency=urgency)
        self._put(tracked, urgency=place.urgency, at=place.at)
        return None

    async def _write_all(self, letters: Sequence[_Letter]) -> None:
        _tell(await asyncio.gather(*map(self._write, letters)))

    async def _write(self, letter: _Letter) -> Unavailable | None:
        self._in_flight.add(letter.tracked.key)
        try:
            return await self._save(letter)
        finally:
            self._in_flight.discard(letter.tracked.key)

    async def _save(self, letter: _Letter) -> Unavailable | None:
        tracked, record, now = letter.tracked, letter.record, self._clock.monotonic()
        if not self._holds(tracked.shard):
            self._postpone(tracked, urgency=letter.urgency)
            return None
        tracked.written_at = now
        try:
            written = await self._store.save(record, revision=tracked.revision or 0)
        except Unavailable as exc:
            # The write may have arrived all the same: read again what is there.
            tracked.revision, tracked.in_doubt = None, record
            self._postpone(tracked, urgency=letter.urgency)
            return exc
        if written is None:
            tracked.revision = None
            self._put(tracked, urgency=letter.urgency, at=now)
            return None
        tracked.saved(record, revision=written, now=now)
        self._show(tracked, record=record, urgency=letter.urgency)
        return None

    def _show(self, tracked: Tracked, *, record: StatusRecord, urgency: Urgency) -> None:
        if self._sink is not None and not tracked.abandoned:
            self._sink.offer(record, shard=tracked.shard, urgency=urgency)

    def _postpone(self, tracked: Tracked, *, urgency: Urgency) -> None:
        self._put(tracked, urgency=urgency, at=self._clock.monotonic() + RETRY_SECONDS)

    def _put(self, tracked: Tracked, *, urgency: Urgency, at: float) -> None:
        if tracked.abandoned:
            return
        self._objects[tracked.key] = tracked
        self._queue.put(tracked.key, urgency=urgency, at=at)
        self._wake.set()


def _tell(errors: Sequence[Unavailable | None]) -> None:
    failed = [error for error in errors if error is not None]
    if failed:
        _log.warning("status not written", objects=len(failed), reason=failed[0].reason, error=failed[0].message)
