"""Keep attempt counts in the bucket `jethook-retries-<pool>`, one record a Subscription."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import retries_bucket
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.attempt_counts import AttemptCounts, decode_counts

WRITE_SECONDS = 1.0
WRITE_LARGE_SECONDS = 10.0
LARGE_BYTES = 16 * 1024

_log = structlog.get_logger(__name__)


class NonceSource(Protocol):
    """What the store asks of the pool's membership."""

    @property
    def token(self) -> str:
        """Give the nonce under which this member owns its shards now."""


class AttemptCountStore:
    """Load and save the counts of one pool's Subscriptions; `replicas` counts when the bucket is made here.

    Saving is the owner's alone: the caller checks that its grant still holds.
    """

    def __init__(self, jetstream: JetStreamContext, *, pool: str, nonce: NonceSource, replicas: int = 1) -> None:
        self._jetstream = jetstream
        self._pool = pool
        self._nonce = nonce
        self._replicas = replicas
        self._bucket: KeyValue | None = None
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def load(self, part: PlanPart) -> AttemptCounts:
        """Read the counts of a Subscription; none of another stream, none when they cannot be read.

        Raises Unavailable when NATS does not answer, Unavailable `NoStream` when the stream is missing.
        """
        created = ""
        try:
            created = await self._stream_created(part.stream)
            bucket = await self._open()
            entry = await bucket.get(_key(part))
        except KeyNotFoundError:
            return AttemptCounts(created)
        except NotFoundError as exc:
            raise Unavailable("NoStream", f"stream {part.stream} or its pool's buckets do not exist yet") from exc
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise Unavailable("NATSUnreachable", "attempt counts cannot be read now") from exc
        try:
            return decode_counts(entry.value or b"", stream_created=created)
        except Invalid as exc:
            _log.warning("attempt counts lost", key=_key(part), reason=exc.reason)
            return AttemptCounts(created)

    async def save(self, part: PlanPart, *, counts: AttemptCounts) -> int:
        """Write the counts when they have changed; give the size in bytes, 0 when nothing was written."""
        if not counts.changed:
            return 0
        data = counts.encode(nonce=self._nonce.token)
        counts.changed = False
        try:
            bucket = await self._open()
            await bucket.put(_key(part), data)
        except (NatsError, JetStreamError, TimeoutError) as exc:
            counts.changed = True
            _log.warning("attempt counts not written", key=_key(part), error=type(exc).__name__)
            return 0
        return len(data)

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            name = retries_bucket(self._pool)
            try:
                self._bucket = await self._jetstream.key_value(name)
            except NotFoundError:
                self._bucket = await self._jetstream.create_key_value(
                    KeyValueConfig(bucket=name, history=1, replicas=self._replicas)
                )
        return self._bucket

    async def _stream_created(self, stream: str) -> str:
        """Ask for a stream's creation time; those who ask while an answer is on its way share it."""
        asking = self._asking.get(stream)
        if asking is None:
            asking = self._asking[stream] = asyncio.create_task(self._ask_created(stream))
        return await asyncio.shield(asking)  # who is cancelled takes the answer from nobody else

    async def _ask_created(self, stream: str) -> str:
        try:
            info = await self._jetstream.stream_info(stream)
        finally:
            del self._asking[stream]
        return info.created.isoformat() if info.created else ""


def _key(part: PlanPart) -> str:
    return f"{part.namespace}.{part.subscription.name}"
