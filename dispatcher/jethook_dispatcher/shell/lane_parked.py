"""Tell which keys of an ordered source wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from jethook_contract.control import ControlAnswer
from jethook_contract.status import ParkedKey
from jethook_dispatcher.core.standing import ParkedKeys
from jethook_dispatcher.core.tray import Item, Parked
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.lane_reports import ParkedNote
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source, event_of, held_of


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


def skip_parked(
    source: Source | None, *, key: str, granted: bool, services: LaneServices, ended: Callable[[], None]
) -> ControlAnswer:
    """Take the head of a parked key out and put it to the dead letters; `ended` hears when that is done."""
    if source is None or source.part.ordering is None:
        return ControlAnswer(done=False, reason="NotOrdered", message="the Subscription is not ordered")
    item = source.tray.skip(key) if granted else None
    if item is None:
        return ControlAnswer(done=False, reason="NotParked", message=parked_text(source))
    services.spawn(_bury(source, item=item, services=services, ended=ended))
    return ControlAnswer(done=True, reason="Skipped", message=f"sequence {item.sequence} goes to the dead letters")


async def _bury(source: Source, *, item: Item, services: LaneServices, ended: Callable[[], None]) -> None:
    death = Death(reason="Skipped", attempts=item.attempts, last_error="skipped on request")
    held = held_of(item)
    if await services.runner.bury(source, held=held, death=death, stays=True):
        source.holding.drop(held)
    else:
        source.tray.add(item, now=services.clock.monotonic())
    ended()
