"""Make ULIDs: 26 characters that sort by time, monotonic within a process.

Source: the ULID specification (48 bits of milliseconds, 80 bits of randomness, Crockford's base 32).
"""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_RANDOM_BITS = 80


class Ulids:
    """Give one ULID after the other; each sorts after the last, also when the wall clock goes back."""

    def __init__(self) -> None:
        self._milliseconds = -1
        self._random = 0
        self._head = ""

    def next(self) -> str:
        """Make one."""
        now = time.time_ns() // 1_000_000
        if now > self._milliseconds:
            self._milliseconds = now
            # The highest bit stays free, so that counting on within a millisecond cannot overflow.
            self._random = secrets.randbits(_RANDOM_BITS - 1)
            self._head = "".join(_PAIRS[now >> shift & 1023] for shift in (40, 30, 20, 10, 0))
        else:
            self._random += 1
        number, pairs = self._random, _PAIRS
        return (
            f"{self._head}{pairs[number >> 70]}{pairs[number >> 60 & 1023]}{pairs[number >> 50 & 1023]}"
            f"{pairs[number >> 40 & 1023]}{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}"
            f"{pairs[number >> 10 & 1023]}{pairs[number & 1023]}"
        )
