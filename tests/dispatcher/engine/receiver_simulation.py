"""A lane and its receiver in virtual time: events arrive evenly, wait, and are tried as the gate lets them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from jethook_contract.target import Target
from jethook_dispatcher.core.gate import Gate, Permit
from jethook_dispatcher.core.outcome import Outcome

ANSWER_SECONDS = 0.01
TICK_SECONDS = 0.005


@dataclass
class Simulation:
    """`attempts`: when each began, and whether it was a probe. `backlog`: events that wait."""

    spec: Target
    offered_per_second: float
    receiver: Callable[[float], Outcome]
    now: float = 0.0
    backlog: float = 0.0
    delivered: int = 0
    attempts: list[tuple[float, bool]] = field(default_factory=list)
    in_flight: list[tuple[float, int, Permit, Outcome]] = field(default_factory=list)
    waits: int = 0

    def __post_init__(self) -> None:
        self.gate = Gate(self.spec, now=self.now)

    def run(self, *, until: float) -> None:
        """Let time pass; a failed event waits again at once, which is the hardest case for the gate."""
        while self.now < until:
            self.now += TICK_SECONDS
            self.backlog += self.offered_per_second * TICK_SECONDS
            self._receive()
            self._start()

    def began(self, first: float, last: float) -> int:
        """Count the attempts that began from `first` up to but excluding `last`."""
        return sum(first <= at < last for at, _ in self.attempts)

    def probes(self) -> list[float]:
        """Give the times of the probes."""
        return [at for at, probe in self.attempts if probe]

    def _receive(self) -> None:
        while self.in_flight and self.in_flight[0][0] <= self.now:
            _, _, permit, outcome = heapq.heappop(self.in_flight)
            self.gate.leave(permit, outcome=outcome, now=self.now)
            self.delivered += outcome.delivered
            self.backlog += not outcome.delivered

    def _start(self) -> None:
        while self.backlog >= 1.0:
            permit = self.gate.enter(now=self.now)
            if not isinstance(permit, Permit):
                self.waits += 1
                return
            self.backlog -= 1.0
            self.attempts.append((self.now, permit.probe))
            end = (self.now + ANSWER_SECONDS, len(self.attempts), permit, self.receiver(self.now))
            heapq.heappush(self.in_flight, end)
