"""How much a lane asks for now, for one of its sources."""

from __future__ import annotations

import math

from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.lane_room import MIN_REQUEST_BYTES, request_bytes, share, threshold, worth_having
from jethook_dispatcher.core.tray_ordered import MAX_IN_HAND
from jethook_dispatcher.shell.lane_held import ByteBudget
from jethook_dispatcher.shell.lane_source import Source


def wanted(source: Source, *, gate: Gate, running: int, subscriptions: int, now: float) -> int:
    """Give how many messages to ask for; 0 to wait until more is free.

    `running`: attempts of the whole lane; `subscriptions`: those that share it. Remembers what was enough, so that the
    next attempts need not ask again.
    """
    if not source.hungry:
        return 0
    ahead, source.enough = gate.ahead(now=now), math.inf
    if not ahead:
        return 0
    free_places = max(0, gate.width(now=now) - running)
    most = worth_having(ahead, free_places=free_places, subscriptions=subscriptions)
    # Whatever its keys: what an ordered source has yet to gather may be behind any number of others.
    room = MAX_IN_HAND - len(source.holding) if source.gathering else source.tray.room(ahead=most)
    free = room - source.puller.asked - len(source.unread)
    worth = threshold(ahead, subscriptions=subscriptions)
    if source.plain:
        source.enough = share(ahead, subscriptions=subscriptions) - worth
    idle = not source.puller.asked and not source.running
    return free if free >= worth or (idle and free > 0) else 0


def bytes_wanted(budget: ByteBudget, *, held: int) -> int:
    """Give a lane that holds `held` bytes a quarter of the process's at most, and a little to one that holds none."""
    room = request_bytes(min(budget.room, budget.limit // 4 - held))
    return room if held else max(MIN_REQUEST_BYTES, room)
