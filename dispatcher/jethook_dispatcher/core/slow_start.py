"""How the load comes back after a circuit has closed: evenly, from a tenth to the whole."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class SlowStart:
    """A ramp that began at `began_at` (monotonic seconds) and takes `seconds`; 0 for none."""

    began_at: float
    seconds: float

    def share(self, *, now: float) -> float:
        """Give the share of the load, from 0.1 to 1."""
        elapsed = now - self.began_at
        if elapsed >= self.seconds:
            return 1.0
        return FIRST_SHARE + (1.0 - FIRST_SHARE) * max(0.0, elapsed) / self.seconds

    def reaches(self, share: float) -> float:
        """Give the moment at which the share is that large; `share` from 0 to 1."""
        return self.began_at + self.seconds * max(0.0, share - FIRST_SHARE) / (1.0 - FIRST_SHARE)
