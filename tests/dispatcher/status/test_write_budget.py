"""The write budget of a pool."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_dispatcher.core.write_budget import WriteBudget


@pytest.mark.parametrize(("members", "writes"), [(1, 250), (5, 50), (25, 10), (50, 5)])
def test_members_share_25_writes_a_second(members: int, writes: int) -> None:
    budget = WriteBudget()
    while budget.take(now=0, members=members):
        pass  # the first second's worth
    taken = sum(budget.take(now=tick / 100, members=members) for tick in range(1, 1001))
    assert abs(taken - writes) <= 1


def test_idle_time_saves_up_one_second_only() -> None:
    budget = WriteBudget()
    assert sum(budget.take(now=1000, members=1) for _ in range(100)) == 25
    assert sum(budget.take(now=5000, members=1) for _ in range(100)) == 25


@given(steps=st.lists(st.floats(0, 2), max_size=200), members=st.integers(0, 40))
def test_never_more_than_the_share(steps: list[float], members: int) -> None:
    budget, now, taken = WriteBudget(), 0.0, 0
    for step in steps:
        now += step
        while budget.take(now=now, members=members):
            taken += 1
    share = 25 / max(1, members)
    assert taken <= share * now + max(1.0, share) + 1e-6
