"""Put what has waited for too long, or is too much, to the dead letters, oldest first; also while nothing is sent."""

from __future__ import annotations

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from jethook_dispatcher.core.lane_reply import read_reply
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source

REASON = "BacklogExceeded"
FETCH_MESSAGES = 200
MAX_AT_ONCE = 2_000
_FETCH_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Trimmer:
    """Take the oldest events that were never handed out, up to `MAX_AT_ONCE` at a time."""

    def __init__(self, services: LaneServices, *, jetstream: JetStreamContext) -> None:
        self._services = services
        self._jetstream = jetstream

    async def trim(self, source: Source, *, grant: Grant, excess: int, overdue: bool) -> None:
        """Bury `excess` events, and after them those that are `overdue`; the first that is neither goes back.

        In order nothing may go back while the lane works, so there only `excess` counts: what is overdue is seen to
        when the lane takes it in.
        """
        part = source.part
        overdue = overdue and (part.ordering is None or source.form is None)
        if not excess and not overdue:
            return
        try:
            inbox = await self._jetstream.pull_subscribe_bind(consumer=part.consumer, stream=part.stream)
        except (NatsError, JetStreamError, TimeoutError) as exc:
            _log.warning("backlog not trimmed", consumer=part.consumer, error=type(exc).__name__)
            return
        try:
            taken = await self._take(inbox, source=source, grant=grant, excess=excess, overdue=overdue)
        finally:
            await inbox.unsubscribe()
        _log.warning("backlog exceeded", subscription=part.subscription.name, dead_lettered=taken)

    async def _take(
        self,
        inbox: JetStreamContext.PullSubscription,
        *,
        source: Source,
        grant: Grant,
        excess: int,
        overdue: bool,
    ) -> int:
        taken = 0
        while grant.holds() and taken < MAX_AT_ONCE and (overdue or taken < excess):
            wanted = FETCH_MESSAGES if overdue else min(FETCH_MESSAGES, excess - taken)
            try:
                messages = await inbox.fetch(wanted, timeout=_FETCH_SECONDS)
            except (NatsError, TimeoutError):
                return taken
            now = self._services.clock.monotonic()
            stopped = False
            for message in messages:
                held = Held(message, handed=read_reply(message.reply), grant=grant, now=now)
                if stopped or (taken >= excess and not self._too_old(source, held=held)):
                    stopped = True
                    source.excuse(held)
                    await self._services.acks.nak(held)
                elif await self._services.runner.bury(source, held=held, death=_death(source)):
                    taken += 1
                else:
                    stopped = True  # the dead letters are full: what waits goes on waiting
            if stopped:
                return taken
        return taken

    def _too_old(self, source: Source, *, held: Held) -> bool:
        age_seconds = (self._services.clock.unix_nanoseconds() - held.handed.stored_nanoseconds) / 1e9
        return age_seconds > source.part.backlog.max_age_seconds


def _death(source: Source) -> Death:
    backlog = source.part.backlog
    bounds = f"maxAgeSeconds {backlog.max_age_seconds}, maxSharePercent {backlog.max_share_percent}"
    if backlog.max_events is not None:
        bounds += f", maxEvents {backlog.max_events}"
    return Death(reason=REASON, attempts=0, last_error=f"more waited than spec.backlog allows ({bounds})")
