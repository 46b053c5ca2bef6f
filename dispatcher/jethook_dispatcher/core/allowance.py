"""The rate at which an endpoint may be given requests now: of the spec, the handshake, throttling and slow start."""

from __future__ import annotations

from jethook_contract.status import LimitedBy
from jethook_contract.target import Limits
from jethook_dispatcher.core.limits import TokenBucket
from jethook_dispatcher.core.throttle import RateMeter, Throttle

# While the rate itself grows, the moment that the bucket names is too late: its waiters ask again at least so often.
MAX_WAIT_SECONDS = 1.0
_IMPOSED_BURST_SECONDS = 0.1


class Allowance:
    """Give tokens; never more than the spec's and the handshake's rate and burst allow. Times: monotonic seconds.

    `share` is everywhere the share of the load that slow start allows, 0.1 to 1.
    """

    __slots__ = ("_bucket", "_burst", "_handshake", "_imposed", "_limits", "_meter", "_spec", "_throttle")

    def __init__(self, limits: Limits, *, now: float) -> None:
        self._limits = limits
        self._handshake: float | None = None
        self._throttle = Throttle()
        self._meter = RateMeter(now=now)
        self._bucket: TokenBucket | None = None
        self._spec: float | None = None
        self._burst = 1.0
        self._imposed = False
        self.update(limits, now=now)

    @property
    def counted(self) -> bool:
        """Tell whether tokens are counted at all at this moment."""
        return self._bucket is not None

    def update(self, limits: Limits, *, now: float) -> None:
        """Go by other limits; the bucket gains nothing by it."""
        self._limits = limits
        self._settle()
        self.rate(share=1.0, now=now)

    def allow(self, requests_per_second: float | None) -> None:
        """Go by the handshake's rate too, over 0, from the next question on; None for no bound of it."""
        self._handshake = requests_per_second
        self._settle()

    def take(self, *, share: float, now: float) -> bool:
        """Take a token; False when there is none yet."""
        if share < 1.0 or self._imposed:
            self.rate(share=share, now=now)
        if self._bucket is not None and not self._bucket.take(now=now):
            return False
        self._meter.add(now=now)
        return True

    def give_back(self, *, taken_at: float, now: float) -> None:
        """Put back a token that was not used."""
        if self._bucket is not None:
            self._bucket.give_back(taken_at=taken_at, now=now)

    def lower(self, *, share: float, started_at: float, now: float) -> None:
        """Take in an answer that throttles, to an attempt that began at `started_at`."""
        allowed = self.rate(share=share, now=now)
        if self._throttle.lower(allowed=allowed, observed=self._meter.rate(now=now), started_at=started_at, now=now):
            self.rate(share=share, now=now)

    def rate(self, *, share: float, now: float) -> float | None:
        """Give the rate that is allowed now, None for no bound, and set the bucket to it."""
        spec = self._spec
        bound = self._throttle.rate(spec=spec, now=now)
        rates = [rate for rate in (bound, None if spec is None else spec * share) if rate is not None]
        rate = min(rates, default=None)
        self._imposed = rate is not None and (spec is None or rate < spec)
        self._fill(rate, now=now)
        return rate

    def imposed(self, *, share: float, now: float) -> float | None:
        """Give the rate that throttling or slow start holds below the spec, None while they do not."""
        rate = self.rate(share=share, now=now)
        return rate if self._imposed else None

    def throttled(self, *, now: float) -> bool:
        """Tell whether throttling bounds the rate."""
        return self._throttle.rate(spec=self._spec, now=now) is not None

    def ready_at(self, *, now: float) -> float:
        """Give the moment at which to ask for a token again; `now` or before when there is one."""
        if self._bucket is None:
            return now
        ready_at = self._bucket.ready_at()
        return min(ready_at, now + MAX_WAIT_SECONDS) if self._imposed else ready_at

    def limited_by(self, *, share: float, now: float) -> LimitedBy:
        """Say what makes tokens rare."""
        bound = self._throttle.rate(spec=self._spec, now=now)
        if bound is not None and (self._spec is None or bound <= self._spec * share):
            return "Throttling"
        return "SlowStart" if share < 1.0 else "RequestsPerSecond"

    def _settle(self) -> None:
        spec, handshake = self._limits.requests_per_second, self._handshake
        self._spec = min((float(rate) for rate in (spec, handshake) if rate is not None), default=None)
        if self._spec is not None:
            burst = self._limits.burst
            second = max(1.0, float(int(self._spec)))
            # The receiver that names a rate in the handshake knows nothing of the burst that the spec allows.
            self._burst = second if burst is None else min(float(burst), second if handshake is not None else burst)
        self._imposed = True  # until the bucket is set to it

    def _fill(self, rate: float | None, *, now: float) -> None:
        if rate is None:
            self._bucket = None
            return
        burst = rate * _IMPOSED_BURST_SECONDS if self._spec is None else self._burst * rate / self._spec
        if self._bucket is None:
            self._bucket = TokenBucket(rate=rate, burst=burst, now=now)
        else:
            self._bucket.change(rate=rate, burst=burst, now=now)
