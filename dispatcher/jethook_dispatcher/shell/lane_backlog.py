"""See what waits for a Subscription: its consumer's state, and the age of the oldest event."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from jethook_contract.errors import Unavailable
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.backlog_excess import Waiting, nearly_full
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_reports import BacklogReport

STREAM_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class Consumers:
    """Ask consumers what they have handed out."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def unacknowledged(self, part: PlanPart) -> int:
        """Count what was handed out and is not answered; raises Unavailable."""
        try:
            return (await self._jetstream.consumer_info(part.stream, part.consumer)).num_ack_pending or 0
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise Unavailable("NATSUnreachable", f"consumer {part.consumer} cannot be read now") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look at a consumer found; `created` tells one that was made anew.

    `last_sequence`: of its stream, read before the consumer was.
    """

    report: BacklogReport
    ack_floor: int
    created: str
    waiting: Waiting
    last_sequence: int


class BacklogReader:
    """Look at consumers and their streams; what a stream holds is asked for once in `STREAM_SECONDS`."""

    def __init__(self, jetstream: JetStreamContext, *, clock: Clock) -> None:
        self._jetstream = jetstream
        self._clock = clock
        self._streams: dict[str, tuple[float, StreamInfo]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, part: PlanPart) -> Found | None:
        """Give what waits for one Subscription; None when it cannot be read now."""
        try:
            stream = await self._stream(part.stream)
            info = await self._jetstream.consumer_info(part.stream, part.consumer)
            pending, unacknowledged = info.num_pending or 0, info.num_ack_pending or 0
            floor = info.ack_floor.stream_seq if info.ack_floor else 0
            waits = pending + unacknowledged
            oldest = await _oldest(self._jetstream, part=part, after=floor) if waits else None
        except (NatsError, JetStreamError, TimeoutError) as exc:
            _log.warning("consumer not readable", stream=part.stream, consumer=part.consumer, error=type(exc).__name__)
            return None
        waiting = Waiting(
            events=waits,
            pending=pending,
            oldest_seconds=(self._clock.now() - oldest).total_seconds() if oldest else 0.0,
            stream_events=stream.state.messages,
            stream_bytes=stream.state.bytes,
            stream_max_bytes=stream.config.max_bytes or 0,
        )
        report = BacklogReport(
            part=part,
            pending=pending,
            unacknowledged=unacknowledged,
            oldest_stored_at=oldest,
            nearly_full=nearly_full(waiting),
        )
        created = info.created.isoformat() if info.created else ""
        return Found(
            report=report, ack_floor=floor, created=created, waiting=waiting, last_sequence=stream.state.last_seq
        )

    async def last_sequence(self, stream: str) -> int | None:
        """Give the last sequence of a stream; None when it cannot be read now."""
        try:
            return (await self._stream(stream)).state.last_seq
        except (NatsError, JetStreamError, TimeoutError) as exc:
            _log.warning("stream not readable", stream=stream, error=type(exc).__name__)
            return None

    async def _stream(self, name: str) -> StreamInfo:
        async with self._locks[name]:  # several looks at a time need it, one asks
            now = self._clock.monotonic()
            known = self._streams.get(name)
            if known is None or now - known[0] > STREAM_SECONDS:
                known = self._streams[name] = (now, await self._jetstream.stream_info(name))
            return known[1]


async def _oldest(jetstream: JetStreamContext, *, part: PlanPart, after: int) -> datetime | None:
    """Look for the first message past the ack floor under each filter (11 at most)."""
    found: list[tuple[int, datetime]] = []
    for subject in part.filters:
        try:
            message = await jetstream.get_msg(part.stream, seq=after + 1, subject=subject, next=True)
        except NotFoundError:
            continue
        if message.seq is not None and message.time is not None:
            found.append((message.seq, message.time))
    return min(found)[1] if found else None
