"""How much a lane may ask for: at most one width ahead, shared evenly by the endpoint's subscriptions.

A lane's width is what its gate lets run at once, `maxInFlight` at most. So many attempts may run, and beside them at
most as many messages may be held or on their way. Each subscription has its own share of that, so that none can take
the others' place.
"""

from __future__ import annotations

MIN_REQUEST_BYTES = 2 * 1024 * 1024
MAX_REQUEST_BYTES = 8 * 1024 * 1024


def share(width: int, *, subscriptions: int) -> int:
    """Give how many messages one of `subscriptions` may have waiting or asked for: at least 1."""
    return max(1, -(-width // max(1, subscriptions)))


def worth_having(ahead: int, *, free_places: int, subscriptions: int) -> int:
    """Give how many messages one of `subscriptions` may have waiting.

    `ahead`: what the gate finds worth having; each place that is free may be filled beside it.
    """
    return share(ahead + free_places, subscriptions=subscriptions)


def threshold(ahead: int, *, subscriptions: int) -> int:
    """Give how many must be free for a request to be worth it: half of the share of one of `subscriptions`."""
    return max(1, share(ahead, subscriptions=subscriptions) // 2)


def request_bytes(room: int) -> int:
    """Give `max_bytes` of one pull request from the process's remaining room in bytes; 0 to ask for nothing.

    The bound is never below the largest message, or that message could never come.
    """
    return 0 if room <= 0 else min(MAX_REQUEST_BYTES, max(MIN_REQUEST_BYTES, room // 8))
