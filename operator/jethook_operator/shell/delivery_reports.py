"""Follow what the dispatchers report in NATS, where no Kubernetes API shows it, so that its turns are told.

A watch is made anew on every reconnect: one that lives through a restart of the server sees nothing for about 20 s.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KV_DEL, KV_PURGE, KeyValue

from jethook_contract.errors import Invalid
from jethook_contract.names import DEFAULT_POOL, status_bucket
from jethook_contract.status import StatusRecord
from jethook_operator.core.resources import Key, Kind
from jethook_operator.shell.delivery_watch import DeliveryWatch

RETRY_SECONDS = 5.0
MISSING_SECONDS = 1.0
READ_AGAIN_SECONDS = 300.0  # a watch is a hint: whatever becomes of it, nothing is missed for longer
BUCKET = status_bucket(DEFAULT_POOL)
_KINDS: dict[str, Kind] = {"endpoint": "WebhookEndpoint", "subscription": "Subscription"}
_KEY_TOKENS = 3
_log = structlog.get_logger(__name__)


class DeliveryReports:
    """Read the reports of the pool `default` and hand each on to `deliveries`; `run` goes on until cancelled.

    What the first whole read holds is seen for the first time; a report that comes later is the object's first.
    """

    def __init__(self, jetstream: JetStreamContext, *, deliveries: DeliveryWatch) -> None:
        self._jetstream = jetstream
        self._deliveries = deliveries
        self._whole = False
        self._again = asyncio.Event()

    def reconnected(self) -> None:
        """Make the watch anew."""
        self._again.set()

    async def run(self) -> None:
        """Follow the bucket; one that is missing is waited for."""
        while True:
            self._again.clear()
            try:
                await self._follow(await self._jetstream.key_value(BUCKET))
            except BucketNotFoundError:
                self._whole = True  # there is nothing to read
                await asyncio.sleep(MISSING_SECONDS)
            except (NatsError, JetStreamError, TimeoutError) as exc:
                _log.debug("reports_not_readable", bucket=BUCKET, error=type(exc).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, bucket: KeyValue) -> None:
        watcher = await bucket.watchall()
        again = asyncio.create_task(self._again.wait())
        reading = asyncio.create_task(self._read(watcher))
        try:
            await asyncio.wait({again, reading}, timeout=READ_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        finally:
            again.cancel()
            reading.cancel()
            with contextlib.suppress(NatsError):
                await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped

    async def _read(self, watcher: KeyValue.KeyWatcher) -> None:
        async for entry in watcher:
            if entry is None:
                self._whole = True
                continue
            key = _key(entry.key)
            if key is None:
                continue
            if entry.operation in (KV_DEL, KV_PURGE):
                self._deliveries.forget(key)
            else:
                self._take(key, value=entry.value or b"")

    def _take(self, key: Key, *, value: bytes) -> None:
        try:
            record = StatusRecord.decode(value)
        except Invalid:
            return  # of another version
        status: dict[str, object] = {
            "delivery": record.delivery.model_dump(mode="json", by_alias=True, exclude_none=True)
        }
        if record.condition is not None:
            condition = record.condition.model_dump(mode="json", by_alias=True, exclude_none=True)
            status["conditions"] = [{"type": "Delivering", **condition}]
        if self._whole and key not in self._deliveries:
            self._deliveries.seen(key, uid=record.uid, status={})
        self._deliveries.seen(key, uid=record.uid, status=status)


def _key(text: str) -> Key | None:
    tokens = text.split(".")
    if len(tokens) != _KEY_TOKENS or tokens[0] not in _KINDS:
        return None
    return Key(_KINDS[tokens[0]], tokens[1], tokens[2])
