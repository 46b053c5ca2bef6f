"""How many requests may start: a token bucket that is exact.

Over any span of W seconds at most `burst + rate * W` tokens are given. The bucket is kept as one moment, that of the
next whole token (the generic cell rate algorithm, ITU-T I.371): what it tells a waiter to come back at is the very
number it compares with later, so nobody comes back in vain for a rounding error.
"""

from __future__ import annotations

# Many additions of an interval round; without it the last token of a burst would come a rounding error late. It delays
# or hastens nothing for long: the moment of the next token does not move by it.
_ROUNDING_SECONDS = 1e-7


class TokenBucket:
    """Give `rate` tokens a second, `burst` (1 or more) at once after a pause; it begins empty.

    All times are monotonic seconds that never go back.
    """

    __slots__ = ("_burst", "_changed_at", "_interval", "_next_at")

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._interval = 1.0 / rate
        self._burst = max(1.0, burst)
        self._next_at = now + self._interval
        self._changed_at = now

    @property
    def rate(self) -> float:
        """Give the tokens a second."""
        return 1.0 / self._interval

    def change(self, *, rate: float, burst: float, now: float) -> None:
        """Set another rate and burst; the tokens in it stay, what is over the new burst goes, none is added."""
        interval, burst = 1.0 / rate, max(1.0, burst)
        if interval == self._interval and burst == self._burst:
            return
        tokens_missing = (self._clipped(now) - now) / self._interval
        self._interval, self._burst = interval, burst
        self._next_at = now + tokens_missing * self._interval
        self._next_at = self._clipped(now)
        self._changed_at = now

    def ready_at(self) -> float:
        """Give the moment from which a token can be taken; it may be past."""
        return self._next_at

    def take(self, *, now: float) -> bool:
        """Take a token; False when there is none yet."""
        if now < self._next_at - _ROUNDING_SECONDS:
            return False
        self._next_at = self._clipped(now) + self._interval
        return True

    def give_back(self, *, taken_at: float, now: float) -> None:
        """Put back what is left of a token that was taken at `taken_at` and not used.

        It loses what the bucket gained meanwhile: had the token stayed, so much might have run over. Nothing is left of
        one that was taken before the last change.
        """
        if taken_at >= self._changed_at:
            self._next_at -= max(0.0, self._interval - (now - taken_at))

    def _clipped(self, now: float) -> float:
        """Give the moment of the next token as if what ran over had been poured out."""
        return max(self._next_at, now - (self._burst - 1.0) * self._interval)
