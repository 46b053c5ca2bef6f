"""The figures of one endpoint: what is counted of its attempts and events, and how each of its Subscriptions stands."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from jethook_dispatcher.core.gate_values import GateReport
from jethook_dispatcher.core.outcome import Outcome

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of the durations in seconds; the longest `timeoutSeconds` is 120."""

_HUNDRED = 100


class Counts:
    """Count without end; a place for each pair of an outcome's kind and the hundreds of its status."""

    __slots__ = ("attempts", "dead_lettered", "delivered", "durations", "refused", "retried", "seconds")

    def __init__(self) -> None:
        # Successes from the start, so that an endpoint that never had one has a share of 0 and not none.
        self.attempts: dict[tuple[str, int], int] = {("Delivered", 2): 0}
        self.durations = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.delivered = 0
        self.retried = 0
        self.refused = 0
        self.dead_lettered: Counter[str] = Counter()

    @property
    def used(self) -> bool:
        """Tell whether anything has been counted."""
        return any(self.attempts.values()) or bool(self.dead_lettered or self.refused)

    def attempted(self, outcome: Outcome, *, attempt: int, events: int) -> None:
        """Count one attempt; this runs for each delivery, so it is plain additions."""
        key = (outcome.kind, outcome.status_code // _HUNDRED)
        self.attempts[key] = self.attempts.get(key, 0) + 1
        seconds = outcome.duration_seconds
        self.durations[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds
        if outcome.kind == "Delivered":
            self.delivered += events
        if attempt > 1:
            self.retried += events


@dataclass(slots=True)
class PartFigures:
    """How one Subscription stands; `oldest_stored_at` None: nothing waits, or it is not known."""

    pending: int = 0
    unacknowledged: int = 0
    in_flight: int = 0
    oldest_stored_at: datetime | None = None
    parked: int = 0
    refused: bool = False


@dataclass(slots=True)
class EndpointFigures:
    """One endpoint that this process owns; `counts` is shared by all that have no series of their own."""

    counts: Counts
    parts: dict[str, PartFigures] = field(default_factory=dict)
    gate: GateReport | None = None

    @property
    def oldest_stored_at(self) -> datetime | None:
        """Give when the oldest event that waits was stored."""
        return min((one.oldest_stored_at for one in self.parts.values() if one.oldest_stored_at), default=None)
