"""How fast each client may send: a token bucket for each, bounded in number."""

from __future__ import annotations

from collections import OrderedDict

MAX_BUCKETS = 20_000


class RateLimits:
    """Tell each request whether it is within its client's rate; `now` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, at

    def wait_seconds(self, key: str, *, rate: float, burst: float, tokens: float, now: float) -> float:
        """Take `tokens` and give 0, or take none and give the seconds after which they are there.

        A request for more than the burst is let through when the bucket is full, and is paid for afterwards.
        """
        held, at = self._buckets.pop(key, (burst, now))
        held = min(burst, held + (now - at) * rate)
        enough = held >= min(tokens, burst)
        self._buckets[key] = (held - tokens if enough else held, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)  # the one that has been idle longest: nearly always full again
        return 0.0 if enough else (min(tokens, burst) - held) / rate
