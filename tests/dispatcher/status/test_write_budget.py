"""The write budget of a pool."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_dispatcher.core.write_budget import WriteBudget


@pytest.mark.parametrize(("share", "writes"), [(1.0, 250), (0.2, 50), (0.04, 10), (0.02, 5), (0.0, 0)])
def test_members_share_25_writes_a_second_as_they_share_the_shards(share: float, writes: int) -> None:
    budget = WriteBudget()
    while budget.take(now=0, share=share):
        pass  # the first second's worth
    taken = sum(budget.take(now=tick / 100, share=share) for tick in range(1, 1001))
    assert abs(taken - writes) <= 1


def test_idle_time_saves_up_one_second_only() -> None:
    budget = WriteBudget()
    assert sum(budget.take(now=1000, share=1.0) for _ in range(100)) == 25
    assert sum(budget.take(now=5000, share=1.0) for _ in range(100)) == 25


@given(steps=st.lists(st.floats(0, 2), max_size=200), share=st.floats(0, 1))
def test_never_more_than_the_share(steps: list[float], share: float) -> None:
    budget, now, taken = WriteBudget(), 0.0, 0
    for step in steps:
        now += step
        while budget.take(now=now, share=share):
            taken += 1
    assert taken <= 25 * share * now + max(1.0, 25 * share) + 1e-6
