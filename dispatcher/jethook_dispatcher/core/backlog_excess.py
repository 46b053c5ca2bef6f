"""How many of the events that wait for a Subscription are too many, by the three bounds of `backlog`."""

from __future__ import annotations

from dataclasses import dataclass

from jethook_contract.plan import BacklogPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits: `events` in all, of which `pending` were never handed out; `oldest_seconds`: the oldest one's age.

    `stream_events`, `stream_bytes`: what the events stream holds; `stream_max_bytes`: its room, 0 or less for no bound.
    """

    events: int
    pending: int
    oldest_seconds: float
    stream_events: int
    stream_bytes: int
    stream_max_bytes: int


def excess(policy: BacklogPolicy, *, waiting: Waiting) -> int:
    """Give how many of the oldest events have to go for their number and their share of the room.

    The share is counted by the mean size of the stream's events. What is in back-off or in hand cannot be reached, so
    never more than `pending`; it ends by its own age.
    """
    over = [waiting.events - limit for limit in (policy.max_events, _by_share(policy, waiting=waiting)) if limit]
    return max(0, min(max(over, default=0), waiting.pending))


def overdue(policy: BacklogPolicy, *, waiting: Waiting) -> bool:
    """Tell whether the oldest event has waited for too long."""
    return waiting.pending > 0 and waiting.oldest_seconds > policy.max_age_seconds


def nearly_full(waiting: Waiting) -> bool:
    """Tell whether the stream is four fifths full and what waits here holds a tenth of it or more."""
    if waiting.stream_max_bytes <= 0 or not waiting.stream_events:
        return False
    held = waiting.events * waiting.stream_bytes / waiting.stream_events
    return waiting.stream_bytes >= 0.8 * waiting.stream_max_bytes and held >= 0.1 * waiting.stream_bytes


def _by_share(policy: BacklogPolicy, *, waiting: Waiting) -> int | None:
    if waiting.stream_max_bytes <= 0 or not waiting.stream_events or not waiting.stream_bytes:
        return None
    mean = waiting.stream_bytes / waiting.stream_events
    return max(1, int(waiting.stream_max_bytes * policy.max_share_percent / 100 / mean))
