"""Tell which keys of an ordered source wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from jethook_contract.status import ParkedKey
from jethook_dispatcher.core.standing import ParkedKeys
from jethook_dispatcher.core.tray import Parked
from jethook_dispatcher.shell.lane_reports import ParkedNote
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source, event_of


def tell_parked(source: Source, *, services: LaneServices) -> None:
    """Report the parked keys when they have changed."""
    if source.part.ordering is None:
        return
    now, at = services.clock.monotonic(), services.clock.now()
    keys = tuple(_parked_key(one, now=now, at=at) for one in source.tray.parked())
    told = ParkedKeys(keys=keys, count=source.tray.parked_count, blocked=source.tray.full)
    if told != source.parked_told:
        source.parked_told = told
        services.reporter.parked(ParkedNote(part=source.part, parked=told))


def _parked_key(parked: Parked, *, now: float, at: datetime) -> ParkedKey:
    due = (at + timedelta(seconds=max(0.0, parked.at - now), milliseconds=500)).replace(microsecond=0)
    return ParkedKey(
        key=parked.key,
        sequence=parked.item.sequence,
        event_id=event_of(parked.item).id,
        attempts=parked.item.attempts,
        waiting=parked.waiting,
        next_attempt_time=due if parked.at > now else None,
    )


def parked_text(source: Source) -> str:
    """List the parked keys for people."""
    parked = source.tray.parked()
    if not parked:
        return "no key is parked"
    return "parked keys: " + ", ".join(one.key[:200] for one in parked)
