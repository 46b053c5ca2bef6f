"""Follow the plan of a pool: a watch that is a hint, made anew on every reconnect, with a full read each time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KV_DEL, KV_PURGE, KeyValue

from jethook_contract.errors import Invalid
from jethook_contract.names import POOL_KEY, plan_bucket
from jethook_contract.plan import PlanPart, PlanSecrets, PoolPlan
from jethook_contract.sealing import KeyRing

READ_AGAIN_SECONDS = 300.0
RETRY_SECONDS = 1.0
_READ_TIMEOUT_SECONDS = 30.0
_KEY_TOKENS = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """A part as it was read: with its secrets, or with the fault that keeps it from being served.

    `part` is None when the record itself cannot be read.
    """

    part: PlanPart | None = None
    secrets: PlanSecrets = field(default_factory=PlanSecrets)
    fault: Invalid | None = None


OnPart = Callable[[str, PlanEntry | None], Awaitable[None]]
OnPool = Callable[[PoolPlan], None]


class PlanWatch:
    """Tell each part of the plan, and each change of one, in order.

    Parts are told only once the key `pool` has been read (`pool_known`), since it says where deliveries may go.
    `whole`: the plan has been read from end to end, at least once.
    """

    def __init__(
        self, jetstream: JetStreamContext, *, pool: str, keys: KeyRing, on_part: OnPart, on_pool: OnPool
    ) -> None:
        self.pool_known = asyncio.Event()
        self.whole = False
        self._jetstream = jetstream
        self._pool = pool
        self._keys = keys
        self._on_part = on_part
        self._on_pool = on_pool
        self._told: dict[str, tuple[int | None, object]] = {}
        self._early: dict[str, KeyValue.Entry] = {}
        self._again = asyncio.Event()

    async def reconnected(self) -> None:
        """Make the watch anew: one that lives through a server restart sees nothing for about 20 s."""
        self._again.set()

    async def run(self) -> None:
        """Follow the plan until cancelled; a missing bucket is waited for."""
        while True:
            self._again.clear()
            try:
                bucket = await self._jetstream.key_value(plan_bucket(self._pool))
                await self._follow(bucket)
            except (NatsError, JetStreamError, TimeoutError) as exc:
                _log.warning("plan not readable", bucket=plan_bucket(self._pool), error=type(exc).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, bucket: KeyValue) -> None:
        watcher = await bucket.watchall()
        again = asyncio.create_task(self._again.wait())
        try:
            async with asyncio.timeout(_READ_TIMEOUT_SECONDS):
                await self._read_all(watcher)
            await self._read_changes(watcher, again=again)
        finally:
            again.cancel()
            with contextlib.suppress(NatsError):
                await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped

    async def _read_all(self, watcher: KeyValue.KeyWatcher) -> None:
        seen: set[str] = set()
        async for entry in watcher:
            if entry is None:
                break
            seen.add(entry.key)
            await self._take(entry)
        for key in self._told.keys() - seen:
            await self._on_part(key, None)
            del self._told[key]
        self.whole = True

    async def _read_changes(self, watcher: KeyValue.KeyWatcher, *, again: asyncio.Task[bool]) -> None:
        update: asyncio.Future[KeyValue.Entry | None] | None = None
        try:
            async with asyncio.timeout(READ_AGAIN_SECONDS):
                while not again.done():
                    update = asyncio.ensure_future(anext(watcher))
                    await asyncio.wait({update, again}, return_when=asyncio.FIRST_COMPLETED)
                    if update.done() and (entry := update.result()) is not None:
                        await self._take(entry)
        except TimeoutError:
            return
        finally:
            if update is not None:
                update.cancel()

    async def _take(self, entry: KeyValue.Entry) -> None:
        if entry.key == POOL_KEY:
            await self._take_pool(entry)
        elif not self.pool_known.is_set():
            self._early[entry.key] = entry
        elif self._told.get(entry.key) != _version(entry):
            await self._tell(entry)

    async def _take_pool(self, entry: KeyValue.Entry) -> None:
        try:
            plan = PoolPlan.decode(entry.value or b"")
            self._on_pool(plan)
        except Invalid as exc:
            # The rules that were read before stay in force; without any, nothing is delivered.
            _log.error("pool settings refused", reason=exc.reason, message=exc.message)
            return
        self.pool_known.set()
        early, self._early = self._early, {}
        for one in early.values():
            await self._tell(one)

    async def _tell(self, entry: KeyValue.Entry) -> None:
        if len(entry.key.split(".")) != _KEY_TOKENS:
            _log.warning("plan key unknown", key=entry.key)
            return
        if entry.operation in (KV_DEL, KV_PURGE):
            if entry.key in self._told:
                await self._on_part(entry.key, None)
                del self._told[entry.key]
            return
        await self._on_part(entry.key, self._read(entry.value or b""))
        self._told[entry.key] = _version(entry)  # only now: what is cut off in the middle is told again

    def _read(self, value: bytes) -> PlanEntry:
        try:
            part = PlanPart.decode(value)
        except Invalid as exc:
            return PlanEntry(fault=exc)
        try:
            secrets = self._keys.unseal(part.sealed) if part.sealed else PlanSecrets()
        except Invalid as exc:
            return PlanEntry(part=part, fault=exc)
        return PlanEntry(part=part, secrets=secrets)


def _version(entry: KeyValue.Entry) -> tuple[int | None, object]:
    # With the time, since a bucket that is made anew counts its revisions from 1 again.
    return entry.revision, entry.created
