"""Show stored status records on the resources: `status.delivery` and condition `Delivering`, by server-side apply.

Each apply is complete: what it leaves out is removed. The newest record of each object waits its turn (`WriteQueue`);
while the API server is away they stay, and deliveries do not notice. An apply that names a wrong UID is accepted by the
API server, so before an object's first write its UID is read, by a dry run of the same apply: it needs no further
permission.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.write_budget import WriteBudget
from jethook_dispatcher.core.write_order import Place, Urgency, WriteQueue
from jethook_dispatcher.shell.clock import Clock

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
AT_ONCE = 8
BUDGET_WAIT_SECONDS = 0.1
FLUSH_SECONDS = 5.0

_log = structlog.get_logger(__name__)

_Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Offer:
    """A record to write, while its shard is held."""

    record: StatusRecord
    shard: int


class _Taken(NamedTuple):
    """What was taken from the queue, and where it stood."""

    place: Place[_Name]
    offer: _Offer


class StatusApi(Protocol):
    """What is asked of the Kubernetes API; see `KubeClient`."""

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        """Apply, and give the object's UID; raise Unavailable with its reason."""


class KubeStatusWriter:
    """Be the `StatusSink` of the reporter; `run` writes for as long as the process lives.

    `holds`: whether a shard's records may be written now. `share`: of the pool's shards, how many are held (0 to 1),
    and so of its write budget.
    """

    def __init__(
        self, api: StatusApi, *, clock: Clock, holds: Callable[[int], bool], share: Callable[[], float]
    ) -> None:
        self._api = api
        self._clock = clock
        self._holds = holds
        self._share = share
        self._budget = WriteBudget()
        self._queue: WriteQueue[_Name] = WriteQueue()
        self._offers: dict[_Name, _Offer] = {}
        self._known_uids: dict[_Name, str] = {}
        self._in_flight: set[_Name] = set()
        self._pause_seconds = 0.0
        self._pauses = 0
        self._wake = asyncio.Event()

    def offer(self, record: StatusRecord, *, shard: int, urgency: Urgency = Urgency.COUNTERS) -> None:
        """Take the newest record of an object; objects without UID come from files and have no resource.

        Whether `shard` is held is asked directly before each try: it may be another member's by then.
        """
        if not record.uid:
            return
        name = _name(record)
        self._offers[name] = _Offer(record, shard)
        self._queue.put(name, urgency=urgency, at=self._clock.monotonic())
        self._wake.set()

    async def run(self) -> None:
        """Write what waits, for ever; pause with growing length while the API server does not answer."""
        async with asyncio.TaskGroup() as writes:
            while True:
                await self._wake.wait()
                await asyncio.sleep(self._pause_seconds)
                for taken in self._next():
                    writes.create_task(self._try(taken))
                if self._queue:
                    await asyncio.sleep(BUDGET_WAIT_SECONDS)
                else:
                    self._wake.clear()

    async def flush(self, *, shard: int) -> None:
        """Write what waits of a shard that is about to be given up, as far as the budget goes at this moment.

        At most 5 s. The rest is shown by the next owner, as what was counted lately.
        """
        names = [name for name, offer in self._offers.items() if offer.shard == shard]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.gather(*map(self._try, self._picked(names)))

    async def _try(self, taken: _Taken) -> None:
        """Write one record; a refusal makes a pause, longer than the one before it."""
        pauses = self._pauses
        self._in_flight.add(taken.place.key)
        try:
            refusal = await self._write(taken)
        finally:
            self._in_flight.discard(taken.place.key)
        if pauses != self._pauses:
            return  # it was sent before the last pause: of several that fail together one counts
        if refusal is None:
            self._pause_seconds = 0.0
            return
        self._pauses += 1
        self._pause_seconds = min(max(FIRST_PAUSE_SECONDS, 2 * self._pause_seconds), MAX_PAUSE_SECONDS)
        _log.warning(
            "status of resources not written",
            reason=refusal.reason,
            error=refusal.message,
            waiting=len(self._queue),
            pause_seconds=self._pause_seconds,
        )

    def _next(self) -> list[_Taken]:
        """Take what may be written now, `AT_ONCE` under way at most; one object's records go one after the other."""
        batch: list[_Taken] = []
        under_way: list[_Taken] = []
        now, share = self._clock.monotonic(), self._share()
        while len(batch) + len(self._in_flight) < AT_ONCE and (place := self._queue.take(now=now)) is not None:
            taken = _Taken(place, self._offers.pop(place.key))
            if place.key in self._in_flight:
                under_way.append(taken)
            elif not self._may_write(taken):
                continue
            elif self._budget.take(now=now, share=share):
                batch.append(taken)
            else:
                self._offers[place.key] = taken.offer
                self._queue.give_back(place, urgency=place.urgency)
                break
        for taken in under_way:
            self._put_back(taken)
        return batch

    def _picked(self, names: Sequence[_Name]) -> list[_Taken]:
        """Take these as far as the budget goes, the most urgent first."""
        now, share = self._clock.monotonic(), self._share()
        idle = [name for name in names if name not in self._in_flight]
        places = [place for name in idle if (place := self._queue.drop(name)) is not None]
        places.sort(key=lambda place: (place.urgency, place.at))
        batch = []
        for place in places:
            taken = _Taken(place, self._offers.pop(place.key))
            if self._budget.take(now=now, share=share):
                batch.append(taken)
            else:
                self._put_back(taken)
        return batch

    def _may_write(self, taken: _Taken) -> bool:
        """Ask for leave; what is another member's now is forgotten."""
        if self._holds(taken.offer.shard):
            return True
        self._known_uids.pop(taken.place.key, None)
        return False

    async def _write(self, taken: _Taken) -> Unavailable | None:
        """Write one record; give the error when it is worth another try later, and keep the record then."""
        if not self._may_write(taken):
            return None
        name = taken.place.key
        try:
            await self._write_to_its_object(taken.offer.record)
        except Unavailable as exc:
            if exc.reason == "NotFound":
                self._known_uids.pop(name, None)
                return None
            if exc.reason == "Refused":
                _log.error("status refused", object="/".join(name), error=exc.message)
                return None
            self._put_back(taken)
            return exc
        return None

    def _put_back(self, taken: _Taken) -> None:
        """Keep a record in its place, unless a newer one came."""
        place = taken.place
        self._offers.setdefault(place.key, taken.offer)
        self._queue.put(place.key, urgency=place.urgency, at=place.at)
        self._wake.set()

    async def _write_to_its_object(self, record: StatusRecord) -> None:
        name, status = _name(record), status_document(record)
        kind, namespace, object_name = name
        if self._known_uids.get(name) != record.uid:
            uid = await self._api.apply_status(
                kind, namespace=namespace, name=object_name, status=status, dry_run="All"
            )
            if not self._is_its_object(record, uid=uid):
                return
            self._known_uids[name] = uid
        uid = await self._api.apply_status(kind, namespace=namespace, name=object_name, status=status)
        if not self._is_its_object(record, uid=uid):
            self._known_uids.pop(name, None)

    def _is_its_object(self, record: StatusRecord, *, uid: str) -> bool:
        if uid == record.uid:
            return True
        # The object was made anew; its plan, with the new UID, is on its way.
        _log.info("status of a former object dropped", object="/".join(_name(record)))
        return False


def status_document(record: StatusRecord) -> dict[str, object]:
    """Write the dispatcher's part of a resource's status."""
    document: dict[str, object] = {
        "delivery": record.delivery.model_dump(mode="json", by_alias=True, exclude_none=True)
    }
    if record.condition is not None:
        condition = record.condition.model_dump(mode="json", by_alias=True, exclude_none=True)
        document["conditions"] = [{"type": "Delivering", **condition}]
    return document


def _name(record: StatusRecord) -> _Name:
    return (record.kind, record.namespace, record.name)
