"""The attempts log: what was tried, published in batches.

It never holds up a delivery: what cannot be stored is counted, said in the log and dropped, oldest first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from jethook_contract.attempt import AttemptLine, encode_lines
from jethook_contract.names import ATTEMPTS_STREAM
from jethook_contract.subjects import attempts_subject

BATCH_RECORDS = 500
FLUSH_SECONDS = 1.0
MAX_BUFFERED_RECORDS = 20_000
MAX_BATCH_BYTES = 900 * 1024
_STORE_TIMEOUT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class AttemptLog:
    """Collect records and publish them each second, or sooner when a batch is full.

    `dropped` counts the records that were lost to a full buffer or a failed publish; `batches` and `records` what was
    stored.
    """

    def __init__(self, jetstream: JetStreamContext) -> None:
        self.dropped = self.batches = self.records = 0
        self._jetstream = jetstream
        self._buffer: deque[AttemptLine] = deque()
        self._full = asyncio.Event()

    def add(self, record: AttemptLine) -> None:
        """Take one record; returns at once."""
        if len(self._buffer) >= MAX_BUFFERED_RECORDS:
            self._buffer.popleft()
            self.dropped += 1
        self._buffer.append(record)
        if len(self._buffer) >= BATCH_RECORDS:
            self._full.set()

    async def run(self) -> None:
        """Publish until cancelled; call `flush` afterwards for the rest."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            await self.flush()

    async def flush(self) -> None:
        """Publish all that is there now, one batch after the other."""
        records, self._buffer = self._buffer, deque()
        by_namespace: dict[str, list[AttemptLine]] = {}
        for record in records:
            by_namespace.setdefault(record["namespace"], []).append(record)
        for namespace, of_namespace in by_namespace.items():
            for start in range(0, len(of_namespace), BATCH_RECORDS):
                await self._publish(namespace, records=of_namespace[start : start + BATCH_RECORDS])

    async def _publish(self, namespace: str, *, records: Sequence[AttemptLine]) -> None:
        for count, data in _encoded(records):
            try:
                await self._jetstream.publish(
                    attempts_subject(namespace), data, timeout=_STORE_TIMEOUT_SECONDS, stream=ATTEMPTS_STREAM
                )
            except (NatsError, JetStreamError, TimeoutError) as exc:
                self.dropped += count
                error = getattr(exc, "description", None) or type(exc).__name__
                _log.warning("attempts not stored", namespace=namespace, records=count, error=error)
            else:
                self.batches += 1
                self.records += count


def _encoded(records: Sequence[AttemptLine]) -> Iterator[tuple[int, bytes]]:
    data = encode_lines(records)
    if len(data) <= MAX_BATCH_BYTES or len(records) == 1:
        yield len(records), data
        return
    middle = len(records) // 2
    yield from _encoded(records[:middle])
    yield from _encoded(records[middle:])
