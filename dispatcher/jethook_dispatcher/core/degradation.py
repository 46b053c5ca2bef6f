"""When an endpoint that delivers is called `Degraded` for the share of attempts that fail, and when no longer.

The two shares lie apart, and what has begun lasts a minute at least, so that the state does not flap at a bound: it
changes twice a minute at most. A change is no reason for a write of its own: it is shown with the counters. What failed
before a whole minute without failures is over, however much it was; and so is an outage, when nothing but failures came
(`Failing`), with the first success.
"""

from __future__ import annotations

from jethook_dispatcher.core.recent import RecentAttempts

LOW_PERCENT = 90
"""It begins when less than this share of the attempts of the last five minutes succeeded."""
BACK_PERCENT = 95
"""It ends when this share or more did."""
LEAST_ATTEMPTS = 20
"""It begins with so many attempts in the window at least; to end it, any number will do."""
LEAST_SECONDS = 60.0
"""It lasts so long at least, and so long without a failure ends it."""


class Degradation:
    """Follow the attempts of one object; `on` while too many fail. Times are seconds that never go back."""

    __slots__ = ("_failed_at", "_last_failed", "_since", "on")

    def __init__(self) -> None:
        self.on = False
        self._since = float("-inf")
        self._failed_at = float("-inf")
        self._last_failed = False

    def attempted(self, recent: RecentAttempts, *, delivered: bool, now: float) -> None:
        """Take in an attempt that was counted in the window.

        Needless while it is not on and none there has failed, and in an outage.
        """
        self._last_failed = not delivered
        if not delivered:
            self._failed_at = now
        self.look(recent, now=now)

    def outage_over(self) -> None:
        """Take in the success that ends an outage: what failed before makes nothing begin, nor last."""
        self._failed_at = float("-inf")
        self._last_failed = False

    def look(self, recent: RecentAttempts, *, now: float) -> None:
        """Let time pass."""
        attempts, succeeded = recent.attempts, recent.attempts - recent.failed
        lately = self._last_failed or now - self._failed_at < LEAST_SECONDS
        if not self.on:
            self.on = lately and attempts >= LEAST_ATTEMPTS and succeeded * 100 < LOW_PERCENT * attempts
            self._since = now
        elif attempts and now - self._since >= LEAST_SECONDS:
            self.on = lately and succeeded * 100 < BACK_PERCENT * attempts

    def take_over(self) -> None:
        """Go on from an owner that saw it; the first good share ends it."""
        self.on, self._since = True, float("-inf")
