"""The streams of a namespace, as its identity and the platform's quota want them."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from jethook_contract.errors import Invalid
from jethook_operator.core.observations import ObservedStream
from jethook_operator.core.quota import events_max_bytes
from jethook_operator.core.resources import ResourceReader
from jethook_operator.shell.consumers import Consumers
from jethook_operator.shell.plans import Plans
from jethook_operator.shell.retirement import Retirement
from jethook_operator.shell.streams import Streams


class Namespaces:
    """Have a namespace's streams; those of a gone namesake are retired first."""

    def __init__(self, streams: Streams, *, retirement: Retirement, consumers: Consumers, plans: Plans) -> None:
        self._streams = streams
        self._retirement = retirement
        self._consumers = consumers
        self._plans = plans
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ensure(self, namespace: str, *, reader: ResourceReader) -> ObservedStream:
        """Have the streams; raises Invalid `OtherInstall` or `BadQuota`, Unavailable `NoQuota` or `RetiringEvents`."""
        uid = reader.namespace_uid(namespace)
        room = events_max_bytes(namespace, annotation=reader.events_quota(namespace))
        if (ours := await self._ours(namespace, uid=uid, room=room)) is not None:
            return ours
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            # Another reconcile may have done it while this one waited, and put new parts into the plan since.
            if (ours := await self._ours(namespace, uid=uid, room=room)) is not None:
                return ours
            await self._retire(namespace, uid=uid)
            return await self._streams.ensure_namespace(namespace, uid=uid, events_max_bytes=room)

    async def _ours(self, namespace: str, *, uid: str, room: int | None) -> ObservedStream | None:
        """Have the streams, or give None where they are a gone namesake's."""
        try:
            return await self._streams.ensure_namespace(namespace, uid=uid, events_max_bytes=room)
        except Invalid as exc:
            if exc.reason != "OtherNamespace":
                raise
            return None

    async def _retire(self, namespace: str, *, uid: str) -> None:
        """Take the old plan away, then the streams: no dispatcher may send old events to a new endpoint."""
        await self._plans.load()
        for one in self._plans.all():
            if one.part.namespace == namespace:
                await self._plans.remove(one.place)
        self._streams.forget(namespace)
        try:
            await self._retirement.carry_on(namespace, uid=uid)
        finally:
            self._streams.forget(namespace)
            self._consumers.forget()
