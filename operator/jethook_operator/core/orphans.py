"""Decide what to do with what is left of objects that are gone (design section 4, "No finalizers").

A plan part goes at once, a consumer after the grace. A wrong list must not cost much: the removal holds when it would
take more than a fifth of more than ten things at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from jethook_operator.core.observations import Place

HOLD_ABOVE = 10


@dataclass(frozen=True, slots=True, order=True)
class Owned:
    """A thing of this install: `namespace` and `name` of its Subscription (`name` empty: a namespace's streams)."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanInputs:
    """What there is (`found`: thing -> time since when it is an orphan, or None) and whose object is alive.

    `what` names the things in messages.
    """

    now: datetime
    grace: timedelta
    hold_percent: int
    alive: frozenset[Owned]
    found: tuple[tuple[Owned, datetime | None], ...]
    parts: tuple[tuple[Owned, Place], ...] = ()
    what: str = "consumers"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanDecision:
    """`mark`: newly orphaned; `adopt`: alive again; `remove`, `remove_parts`: to go now; `held`: why some stay."""

    mark: tuple[Owned, ...] = ()
    adopt: tuple[Owned, ...] = ()
    remove: tuple[Owned, ...] = ()
    remove_parts: tuple[Place, ...] = ()
    held: tuple[str, ...] = ()


def decide_orphans(inputs: OrphanInputs) -> OrphanDecision:
    """Decide, from complete lists only: the caller makes sure that every kind was listed."""
    gone = [(owned, since) for owned, since in inputs.found if owned not in inputs.alive]
    due = tuple(owned for owned, since in gone if since is not None and inputs.now - since >= inputs.grace)
    parts = tuple(place for owned, place in inputs.parts if owned not in inputs.alive)
    held = _held(inputs.what, len(due), total=len(inputs.found), percent=inputs.hold_percent)
    parts_held = _held("plan parts", len(parts), total=len(inputs.parts), percent=inputs.hold_percent)
    return OrphanDecision(
        mark=tuple(owned for owned, since in gone if since is None),
        adopt=tuple(owned for owned, since in inputs.found if owned in inputs.alive and since is not None),
        remove=() if held else due,
        remove_parts=() if parts_held else parts,
        held=tuple(one for one in (held, parts_held) if one),
    )


def _held(what: str, count: int, *, total: int, percent: int) -> str:
    if total <= HOLD_ABOVE or count * 100 <= total * percent:
        return ""
    return f"{count} of {total} {what} have no object any more; none was removed, since that is more than {percent} %"
