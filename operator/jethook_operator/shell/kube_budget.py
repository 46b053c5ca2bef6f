"""A token bucket: how many writes a second the Kubernetes API may get from this process."""

from __future__ import annotations

import asyncio
import math


class TokenBucket:
    """Let `rate_per_second` through, in bursts of at most `burst`; who comes later waits for his turn, in order."""

    def __init__(self, *, rate_per_second: float, burst: int) -> None:
        self._interval = 1.0 / rate_per_second
        self._burst = burst
        self._next_free = -math.inf  # at this time, that of the last token taken, the bucket is empty

    async def take(self) -> None:
        """Take one token, waiting until there is one."""
        now = asyncio.get_running_loop().time()
        self._next_free = max(self._next_free, now - self._burst * self._interval) + self._interval
        if self._next_free > now:
            await asyncio.sleep(self._next_free - now)
