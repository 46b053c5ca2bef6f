"""See what waits for a Subscription: its consumer's state, and the age of the oldest event."""

from __future__ import annotations

from datetime import datetime

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from jethook_contract.errors import Unavailable
from jethook_contract.plan import PlanPart
from jethook_dispatcher.shell.lane_reports import BacklogReport

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


async def read_backlog(jetstream: JetStreamContext, *, part: PlanPart) -> tuple[BacklogReport, int] | None:
    """Give what waits and the consumer's ack floor; None when the consumer cannot be read now."""
    try:
        info = await jetstream.consumer_info(part.stream, part.consumer)
        pending, unacknowledged = info.num_pending or 0, info.num_ack_pending or 0
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        oldest = await _oldest(jetstream, part=part, after=floor) if pending + unacknowledged else None
    except (NatsError, JetStreamError, TimeoutError) as exc:
        _log.warning("consumer not readable", stream=part.stream, consumer=part.consumer, error=type(exc).__name__)
        return None
    report = BacklogReport(part=part, pending=pending, unacknowledged=unacknowledged, oldest_stored_at=oldest)
    return report, floor


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
