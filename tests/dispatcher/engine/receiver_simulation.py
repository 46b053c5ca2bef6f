"""A lane and its receiver in virtual time: events arrive evenly, wait, and are tried as the gate lets them."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from jethook_contract.target import Target
from jethook_dispatcher.core.gate import Gate, Permit
from jethook_dispatcher.core.outcome import Outcome

ANSWER_SECONDS = 0.01
TICK_SECONDS = 0.005


@dataclass
class Simulation:
    """`attempts`: when each began, and whether it was a probe. `backlog`: events that wait.

    `receiver` is asked when an attempt begins; its outcome comes after its `duration_seconds`, 10 ms if that is 0.
    `retry_seconds`: after these a failed event waits again; 0, at once, is the hardest case for the gate.
    """

    spec: Target
    offered_per_second: float
    receiver: Callable[[float], Outcome]
    retry_seconds: float = 0.0
    now: float = 0.0
    backlog: float = 0.0
    delivered: int = 0
    attempts: list[tuple[float, bool]] = field(default_factory=list)
    in_flight: list[tuple[float, int, Permit, Outcome]] = field(default_factory=list)
    backing_off: deque[float] = field(default_factory=deque)
    waits: int = 0

    def __post_init__(self) -> None:
        self.gate = Gate(self.spec, now=self.now)

    def run(self, *, until: float) -> None:
        """Let time pass."""
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
            if not outcome.delivered:
                self.backing_off.append(self.now + self.retry_seconds)
        while self.backing_off and self.backing_off[0] <= self.now:
            self.backing_off.popleft()
            self.backlog += 1

    def _start(self) -> None:
        while self.backlog >= 1.0:
            permit = self.gate.enter(now=self.now)
            if not isinstance(permit, Permit):
                self.waits += 1
                return
            self.backlog -= 1.0
            self.attempts.append((self.now, permit.probe))
            outcome = self.receiver(self.now)
            ends_at = self.now + (outcome.duration_seconds or ANSWER_SECONDS)
            heapq.heappush(self.in_flight, (ends_at, len(self.attempts), permit, outcome))
