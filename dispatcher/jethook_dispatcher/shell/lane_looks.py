"""Look in rounds at what waits for the Subscriptions of a process, and act on it: reports, bounds, a new consumer.

Each round looks at those for which something may wait (`core/backlog_looks.py`), and at others whose last look is
getting old: each is looked at once a minute at least, with more than 3,000 of them 50 a second in turn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TypeVar

from nats.js import JetStreamContext

from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.backlog_excess import excess, overdue
from jethook_dispatcher.core.backlog_looks import Look, aged, follows, moved, outdated
from jethook_dispatcher.shell.lane import Lane
from jethook_dispatcher.shell.lane_backlog import BacklogReader, Found
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_trim import Trimmer

POLL_SECONDS = 5.0
MAX_REQUESTS_PER_SECOND = 50
_AT_ONCE = 10
_CHUNK = 200

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A look, and for which version of a part and which stretch of ownership it was."""

    look: Look
    part: PlanPart
    grant: Grant


class BacklogRounds:
    """Go round; `working` gives the lanes that may work now."""

    def __init__(
        self,
        services: LaneServices,
        *,
        jetstream: JetStreamContext,
        working: Callable[[], Iterable[Lane]],
        poll_seconds: float,
    ) -> None:
        self._services = services
        self._backlogs = BacklogReader(jetstream, clock=services.clock)
        self._trimmer = Trimmer(services, jetstream=jetstream)
        self._working = working
        self._poll_seconds = poll_seconds
        self._seen: dict[Source, Seen] = {}

    async def run(self) -> None:
        """Begin a round each `poll_seconds` until cancelled; one that takes longer is followed by the next at once."""
        while True:
            began = self._services.clock.monotonic()
            if self._services.client.is_connected:
                await self._round()
            spent = self._services.clock.monotonic() - began
            await asyncio.sleep(max(1 / MAX_REQUESTS_PER_SECOND, self._poll_seconds - spent))

    async def _round(self) -> None:
        lanes = {source: lane for lane in self._working() for source in lane.sources}
        self._seen = {source: seen for source, seen in self._seen.items() if source in lanes}
        share = self._poll_seconds * MAX_REQUESTS_PER_SECOND / max(1, len(lanes))
        sources = list(lanes)
        for start in range(0, len(sources), _CHUNK):
            chunk = sources[start : start + _CHUNK]
            await self._look_at(await self._choose(chunk, lanes=lanes, most=math.ceil(share * len(chunk))), lanes=lanes)
            await asyncio.sleep(0)  # thousands in one go would hold up every other task

    async def _look_at(self, sources: Sequence[Source], *, lanes: Mapping[Source, Lane]) -> None:
        for start in range(0, len(sources), _AT_ONCE):
            some = sources[start : start + _AT_ONCE]
            looks = await _paced([self._look(lanes[source], source=source) for source in some])
            for source, found in zip(some, looks, strict=True):
                if found is not None:
                    await self._trim(lanes[source], source=source, found=found)

    async def _choose(self, sources: Iterable[Source], *, lanes: Mapping[Source, Lane], most: int) -> list[Source]:
        """Give those for which something may wait, and of the others up to `most` that were looked at longest ago."""
        now = self._services.clock.monotonic()
        due, still, old = [], [], []
        for source in sources:
            look = self._last_look(source, lane=lanes[source])
            changed = look is None or outdated(look, heard=source.puller.heard, pulls=source.puller.asked > 0)
            if look is None or changed:
                due.append(source)
            elif aged(look, now=now, poll_seconds=self._poll_seconds):
                old.append((look.at, source))
            elif changed is None:
                still.append((look, source))
        last = await self._last_sequences({source.part.stream for _, source in still})
        due += [source for look, source in still if moved(look, last_sequence=last.get(source.part.stream))]
        old.sort(key=itemgetter(0))
        return due + [source for _, source in old[: max(1, most - len(due))]]

    def _last_look(self, source: Source, *, lane: Lane) -> Look | None:
        """Give the last look at this version of a part in this stretch of ownership."""
        seen = self._seen.get(source)
        return seen.look if seen and seen.part is source.part and seen.grant is lane.grant else None

    async def _last_sequences(self, streams: set[str]) -> dict[str, int]:
        """Ask each stream how far it is; those that cannot be read are left out."""
        names = sorted(streams)
        found: dict[str, int] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            answers = await _paced([self._backlogs.last_sequence(name) for name in some])
            found |= {name: last for name, last in zip(some, answers, strict=True) if last is not None}
        return found

    async def _look(self, lane: Lane, *, source: Source) -> Found | None:
        """Look at one and report it; None when there was nothing to see, or it is not this member's any more."""
        part, grant, heard = source.part, lane.grant, source.puller.heard
        before = self._last_look(source, lane=lane)
        self._seen.pop(source, None)
        if grant is None or not grant.holds():
            return None
        at = self._services.clock.monotonic()
        found = await self._backlogs.read(part)
        if found is None or lane.grant is not grant or source.part is not part or source not in lane.sources:
            return None
        if source.counts is not None:
            source.counts.prune(found.ack_floor)
        if source.consumer_created not in ("", found.created):
            source.drop_waiting()  # without a word: the consumer was made anew and knows of none of it
        source.consumer_created = found.created
        empty = not found.waiting.events and not len(source.holding)
        look = Look(at=at, heard=heard, last_sequence=found.last_sequence, empty=empty)
        look = replace(look, settled=follows(look, before=before))
        self._seen[source] = Seen(look=look, part=part, grant=grant)
        self._services.reporter.backlog(replace(found.report, in_flight=source.holding.started))
        return found

    async def _trim(self, lane: Lane, *, source: Source, found: Found) -> None:
        policy, grant = found.report.part.backlog, lane.grant
        if grant is not None:
            too_many, too_old = excess(policy, waiting=found.waiting), overdue(policy, waiting=found.waiting)
            await self._trimmer.trim(source, grant=grant, excess=too_many, overdue=too_old)


async def _paced(requests: Sequence[Awaitable[_Value]]) -> list[_Value]:
    """Make a few requests at once and wait as long as they may take of a second."""
    found = await asyncio.gather(*requests)
    await asyncio.sleep(len(requests) / MAX_REQUESTS_PER_SECOND)
    return found
