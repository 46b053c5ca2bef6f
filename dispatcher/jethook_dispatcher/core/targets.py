"""The instances of one receiver: which of them gets the next attempt, and what is outstanding at each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jethook_contract.target import Target, TargetUrl
from jethook_dispatcher.core.breaker import Breaker


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitMemory:
    """The circuit of one target that is not closed, as a new owner goes on with it.

    `open_seconds`: until the next probe, 0 for now. `pause_seconds`: how long the present pause is.
    """

    url: str
    open_seconds: float
    pause_seconds: int


class TargetState:
    """One instance: its place in `Target.urls` (-1 once it is no longer there), its load and its circuit."""

    __slots__ = ("breaker", "index", "outstanding", "url", "weight")

    def __init__(self, one: TargetUrl, *, index: int, breaker: Breaker) -> None:
        self.url = one.url
        self.weight = one.weight
        self.index = index
        self.outstanding = 0
        self.breaker = breaker


def next_states(former: Iterable[TargetState], *, target: Target, now: float) -> list[TargetState]:
    """Make the states for another version of the target; what has the same URL keeps its load and its circuit."""
    kept: dict[str, list[TargetState]] = {}
    for state in former:
        state.index = -1
        kept.setdefault(state.url, []).append(state)
    states = []
    for index, one in enumerate(target.urls):
        same = kept.get(one.url)
        state = same.pop(0) if same else TargetState(one, index=index, breaker=Breaker(target.breaker, now=now))
        state.index, state.weight = index, one.weight
        state.breaker.update(target.breaker, now=now)
        states.append(state)
    return states


def circuits_left(states: Iterable[TargetState], *, now: float) -> tuple[CircuitMemory, ...]:
    """Give what a new owner must know of the circuits: those that are not closed."""
    return tuple(
        CircuitMemory(
            url=state.url,
            open_seconds=max(0.0, state.breaker.until - now),
            pause_seconds=state.breaker.pause_seconds,
        )
        for state in states
        if state.breaker.advance(now=now) != "Closed"
    )


def take_circuits(states: Iterable[TargetState], *, memories: Iterable[CircuitMemory], now: float) -> None:
    """Begin with what the former owner left of the URLs that are still there."""
    left = {memory.url: memory for memory in memories}
    for state in states:
        memory = left.get(state.url)
        if memory is not None:
            state.breaker.take_over(open_seconds=memory.open_seconds, pause_seconds=memory.pause_seconds, now=now)


def least_outstanding(states: Sequence[TargetState], *, start: int, now: float) -> TargetState:
    """Choose the least of (outstanding + 1) / weight; of equal ones the first from index `start` on, in turn.

    A target in slow start weighs only its share. `states`: at least one, all closed, ascending by index.
    """
    if len(states) == 1:
        return states[0]
    first = next((place for place, state in enumerate(states) if state.index >= start), 0)
    turned = (*states[first:], *states[:first])
    return min(turned, key=lambda state: (state.outstanding + 1) / (state.weight * state.breaker.share(now=now)))
