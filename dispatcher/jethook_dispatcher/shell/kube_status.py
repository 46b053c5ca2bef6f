"""Show stored status records on the resources: `status.delivery` and condition `Delivering`, by server-side apply.

Each apply is complete: what it leaves out is removed. The newest record of each object waits its turn; while the API
server is away they stay, and deliveries do not notice. An apply that names a wrong UID is accepted by the API server,
so before an object's first write its UID is read, by a dry run of the same apply: it needs no further permission.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.write_budget import WriteBudget
from jethook_dispatcher.shell.clock import Clock

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 30.0
AT_ONCE = 8
BUDGET_WAIT_SECONDS = 0.25
FLUSH_SECONDS = 5.0

_log = structlog.get_logger(__name__)

_Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Offer:
    """A record to write, as long as its owner may."""

    record: StatusRecord
    may_write: Callable[[], bool]


class StatusApi(Protocol):
    """What is asked of the Kubernetes API; see `KubeClient`."""

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        """Apply, and give the object's UID; raise Unavailable with its reason."""


class KubeStatusWriter:
    """Be the `StatusSink` of the reporter; `run` writes for as long as the process lives.

    `live_members`: how many share the pool's write budget.
    """

    def __init__(self, api: StatusApi, *, clock: Clock, live_members: Callable[[], int]) -> None:
        self._api = api
        self._clock = clock
        self._live_members = live_members
        self._budget = WriteBudget()
        self._waiting: OrderedDict[_Name, _Offer] = OrderedDict()
        self._known_uids: dict[_Name, str] = {}
        self._pause_seconds = 0.0
        self._wake = asyncio.Event()

    def offer(self, record: StatusRecord, *, may_write: Callable[[], bool] = lambda: True) -> None:
        """Take the newest record of an object; objects without UID come from files and have no resource.

        `may_write` is asked directly before each try: the shard may be another member's by then.
        """
        if not record.uid:
            return
        self._waiting[_name(record)] = _Offer(record, may_write)
        self._wake.set()

    async def run(self) -> None:
        """Write what waits, for ever; pause with growing length while the API server does not answer."""
        while True:
            await self._wake.wait()
            await self._write_some(within_budget=True)
            if self._pause_seconds:
                await asyncio.sleep(self._pause_seconds)
            elif self._waiting:
                await asyncio.sleep(BUDGET_WAIT_SECONDS)
            else:
                self._wake.clear()

    async def flush(self) -> None:
        """Write what waits at the end of the process; at most 5 s, and not past the first refusal."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                while self._waiting:
                    await self._write_some(within_budget=False)
                    if self._pause_seconds:
                        break
        except TimeoutError:
            pass
        if self._waiting:
            _log.warning("status of resources not flushed", objects=len(self._waiting))

    async def _write_some(self, *, within_budget: bool) -> None:
        batch: list[_Offer] = []
        now = self._clock.monotonic()
        while self._waiting and len(batch) < AT_ONCE:
            if within_budget and not self._budget.take(now=now, members=self._live_members()):
                break
            batch.append(self._waiting.popitem(last=False)[1])
        refusals = [error for error in await asyncio.gather(*map(self._write, batch)) if error is not None]
        if not refusals:
            self._pause_seconds = 0.0
            return
        self._pause_seconds = min(max(FIRST_PAUSE_SECONDS, 2 * self._pause_seconds), MAX_PAUSE_SECONDS)
        _log.warning(
            "status of resources not written",
            reason=refusals[0].reason,
            error=refusals[0].message,
            waiting=len(self._waiting),
            pause_seconds=self._pause_seconds,
        )

    async def _write(self, offer: _Offer) -> Unavailable | None:
        """Write one record; give the error when it is worth another try later, and keep the record then."""
        name = _name(offer.record)
        if not offer.may_write():
            self._known_uids.pop(name, None)
            return None
        try:
            await self._write_to_its_object(offer.record)
        except Unavailable as exc:
            if exc.reason == "NotFound":
                self._known_uids.pop(name, None)
                return None
            if exc.reason == "Refused":
                _log.error("status refused", object="/".join(name), error=exc.message)
                return None
            self._waiting.setdefault(name, offer)
            return exc
        return None

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
