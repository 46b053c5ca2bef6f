"""How much a lane may ask for: at most one width ahead, shared evenly by the endpoint's subscriptions.

A lane's width is the endpoint's `maxInFlight`. So many attempts may run, and beside them at most as many messages may
be held or on their way. Each subscription has its own share of that, so that none can take the others' place.
"""

from __future__ import annotations

MIN_REQUEST_BYTES = 2 * 1024 * 1024
MAX_REQUEST_BYTES = 8 * 1024 * 1024


def share(width: int, *, subscriptions: int) -> int:
    """Give how many messages one of `subscriptions` may have waiting or asked for: at least 1."""
    return max(1, -(-width // max(1, subscriptions)))


def to_ask(width: int, *, subscriptions: int, running: int, waiting: int, asked: int) -> int:
    """Give the batch to ask for now, for one of `subscriptions`; 0 to wait until more is free.

    `running`: attempts of the whole lane; each place that is free may be filled beside the width ahead. `waiting` and
    `asked`: of the one. A batch is worth a request once half of its share of the width is free.
    """
    most = share(2 * width - running, subscriptions=subscriptions)
    free = most - waiting - asked
    return free if free >= max(1, share(width, subscriptions=subscriptions) // 2) else 0


def request_bytes(room: int) -> int:
    """Give `max_bytes` of one pull request from the process's remaining room in bytes; 0 to ask for nothing.

    The bound is never below the largest message, or that message could never come.
    """
    return 0 if room <= 0 else min(MAX_REQUEST_BYTES, max(MIN_REQUEST_BYTES, room // 8))
