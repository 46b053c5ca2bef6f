"""How often statuses may be written: a token bucket of 25 a second, shared by the members of a pool."""

from __future__ import annotations

POOL_WRITES_PER_SECOND = 25.0


class WriteBudget:
    """Hand out this member's share; holds one second's worth, one write at least."""

    def __init__(self, *, writes_per_second: float = POOL_WRITES_PER_SECOND) -> None:
        self._writes_per_second = writes_per_second
        self._tokens = 0.0
        self._at: float | None = None

    def take(self, *, now: float, share: float) -> bool:
        """Take one write, or tell that there is none now.

        `share`: of the pool's shards, 0 to 1, how many this member holds. A shard has one holder, so shares never add
        up to more than 1, and a member that holds more has more to write.
        """
        rate = self._writes_per_second * share
        most = max(1.0, rate)
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._tokens = most if self._at is None else min(most, self._tokens + elapsed * rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
