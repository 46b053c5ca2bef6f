"""What is computed from the recorded times: percentiles, and whether a rate limit was kept. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def percentile(values: Iterable[float], percent: float) -> float:
    """Give the value that `percent` (above 0, up to 100) of `values` do not exceed: the nearest rank, no mix of two.

    Raises ValueError for no values and for a percentage out of range.
    """
    ordered = sorted(values)
    if not ordered or not 0 < percent <= 100:
        raise ValueError(f"no percentile {percent} of {len(ordered)} values")
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def excess(times: Sequence[float], *, per_second: float, burst: int) -> float:
    """Give by how many requests the worst window of any length went over `burst + per_second * length`; 0 for none.

    `times` in seconds, in any order. All windows are looked at in one pass: from request i to request j there are
    j - i + 1, so the worst start for each end is the one where `i - per_second * t_i` was least.
    """
    worst, least = 0.0, math.inf
    for number, at in enumerate(sorted(times)):
        level = number - per_second * at
        least = min(least, level)
        worst = max(worst, level - least + 1 - burst)
    return worst


def milliseconds(seconds: float) -> float:
    """Round seconds to hundredths of a millisecond."""
    return round(seconds * 1000, 2)
