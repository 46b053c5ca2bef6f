"""The bucket of status records: read one, write one by compare-and-set on the revision that was read."""

from __future__ import annotations

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import status_bucket
from jethook_contract.status import StatusRecord, status_key
from jethook_dispatcher.core.tracked import ObjectKey


class StatusBucket:
    """Hold one pool's records; opened with its first use, since the operator makes it."""

    def __init__(self, jetstream: JetStreamContext, *, pool: str) -> None:
        self._jetstream = jetstream
        self._name = status_bucket(pool)
        self._opened: KeyValue | None = None

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        """Give the record, None when there is none that can be read, and its revision; raise Unavailable."""
        try:
            bucket = await self._bucket()
            entry = await bucket.get(status_key(*key))
        except KeyNotFoundError as exc:
            return None, _revision_of_marker(exc)
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise _unavailable(exc) from exc
        revision = entry.revision or 0
        try:
            return StatusRecord.decode(entry.value or b""), revision
        except Invalid:
            # Written by another version: counters begin anew rather than never.
            return None, revision

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        """Write the record and give its revision; None when another wrote since `revision`. Raise Unavailable."""
        key = status_key(record.kind, record.namespace, record.name)
        try:
            bucket = await self._bucket()
            return await bucket.update(key, record.encode(), last=revision)
        except KeyWrongLastSequenceError:
            return None
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise _unavailable(exc) from exc

    async def _bucket(self) -> KeyValue:
        if self._opened is None:
            self._opened = await self._jetstream.key_value(self._name)
        return self._opened


def _revision_of_marker(exc: KeyNotFoundError) -> int:
    """Give the revision of a deletion marker, on which the next write must build; 0 where nothing ever was."""
    entry = exc.entry
    return (entry.revision or 0) if entry is not None else 0


def _unavailable(exc: Exception) -> Unavailable:
    return Unavailable("StatusBucketUnreachable", f"a status record cannot be read or written: {type(exc).__name__}")
