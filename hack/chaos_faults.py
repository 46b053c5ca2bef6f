"""Which faults a run has, in which order and for how long: decided by the seed alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

FaultKind = Literal["kill-one", "kill-all", "kill-nats", "cut", "silence", "pause"]

# Least and most seconds from the fault to its repair. `cut` closes connections and refuses new ones; `silence` keeps
# them and lets nothing through; a paused process comes back with what it believed before.
LASTS: dict[FaultKind, tuple[float, float]] = {
    "kill-one": (1.0, 3.0),
    "kill-all": (1.0, 3.0),
    "kill-nats": (1.0, 5.0),
    "cut": (3.0, 12.0),
    "silence": (3.0, 18.0),
    "pause": (20.0, 20.0),
}
GAP_SECONDS = 8.0
EVENTS_PER_FAULT = 2500
LEAST_FAULTS = 3


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault: `target` is the number of the dispatcher, from 0; it is ignored where all or none are struck."""

    kind: FaultKind
    lasts_seconds: float
    target: int


def dice(name: str) -> Random:
    """Give numbers that depend on `name` alone, in every process and on every machine."""
    return Random(name)  # noqa: S311 -- to be repeatable is the purpose


def schedule(random: Random, *, events: int, dispatchers: int) -> tuple[PlannedFault, ...]:
    """Plan a fault for every 2,500 events, 3 at least; no kind comes twice before each has come once."""
    wanted = max(LEAST_FAULTS, events // EVENTS_PER_FAULT)
    kinds: list[FaultKind] = []
    while len(kinds) < wanted:
        kinds += random.sample(sorted(LASTS), len(LASTS))
    return tuple(
        PlannedFault(kind, round(random.uniform(*LASTS[kind]), 2), random.randrange(dispatchers))
        for kind in kinds[:wanted]
    )


def duration_seconds(faults: tuple[PlannedFault, ...]) -> float:
    """Give how long the faults take with a gap around each."""
    return sum(fault.lasts_seconds for fault in faults) + GAP_SECONDS * (len(faults) + 1)
