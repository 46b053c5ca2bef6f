"""The instances of one receiver: which of them gets the next attempt, and what is outstanding at each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jethook_contract.target import Target, TargetUrl
from jethook_dispatcher.core.breaker import Breaker


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


def least_outstanding(states: Sequence[TargetState], *, start: int, now: float) -> TargetState:
    """Choose the least of (outstanding + 1) / weight; of equal ones the first from index `start` on, in turn.

    A target in slow start weighs only its share. `states`: at least one, all closed, ascending by index.
    """
    if len(states) == 1:
        return states[0]
    first = next((place for place, state in enumerate(states) if state.index >= start), 0)
    turned = (*states[first:], *states[:first])
    return min(turned, key=lambda state: (state.outstanding + 1) / (state.weight * state.breaker.share(now=now)))
