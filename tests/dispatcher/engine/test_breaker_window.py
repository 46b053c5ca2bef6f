"""What the breaker counts."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from jethook_dispatcher.core.answers import Health
from jethook_dispatcher.core.breaker_window import BUCKETS, BreakerWindow

entries = st.lists(st.tuples(st.floats(0, 30), st.sampled_from(get_args(Health))), max_size=80)


def sums(window: BreakerWindow) -> dict[str, int]:
    return {"Up": window.up, "Down": window.down, "Unclear": window.unclear}


@given(entries=entries, seconds=st.integers(1, 600))
def test_it_holds_what_is_younger_than_nine_tenths_and_nothing_older_than_all(
    entries: list[tuple[float, Health]], seconds: int
) -> None:
    window, now, seen = BreakerWindow(seconds=seconds, now=0.0), 0.0, list[tuple[float, Health]]()
    slack = 1e-6 * seconds
    for gap, health in entries:
        now += gap
        window.add(health, began_at=now, now=now)
        seen.append((now, health))
        for kind, count in sums(window).items():
            young = [at for at, one in seen if one == kind and at > now - 0.9 * seconds + slack]
            old = [at for at, one in seen if one == kind and at >= now - seconds - slack]
            assert len(young) <= count <= len(old)


@given(
    entries=st.lists(st.tuples(st.floats(0, 12), st.floats(0, 15), st.sampled_from(get_args(Health))), max_size=60),
    least=st.integers(1, 6),
)
def test_a_row_is_made_of_failures_since_the_last_success_that_span_a_tenth_of_the_window(
    entries: list[tuple[float, float, Health]], least: int
) -> None:
    window, now, last_up, row = BreakerWindow(seconds=60, now=0.0), 0.0, 0.0, list[tuple[float, float]]()
    for gap, lasted, health in entries:
        now += gap
        window.add(health, began_at=now - lasted, now=now)
        if health == "Up":
            last_up, row = now, []
        elif health == "Down":
            row.append((now - lasted, now))
        found = window.fails_in_a_row(min_attempts=least, now=now)
        young = sum(at > now - 0.9 * 60 + 1e-6 for _, at in row)
        old = sum(at >= now - 60 - 1e-6 for _, at in row)
        spans = now - max(row[0][0], last_up) if row else 0.0
        assert not found or (old >= least and spans >= 6.0)
        assert found or young < least or spans < 6.0


def test_its_memory_does_not_grow_with_the_traffic() -> None:
    window = BreakerWindow(seconds=60, now=0.0)
    for step in range(10_000):
        window.add("Down", began_at=step * 0.1, now=step * 0.1)
    assert len(window._former) < BUCKETS
    assert 540 <= window.down <= 600


def test_clearing_forgets_all() -> None:
    window = BreakerWindow(seconds=60, now=0.0)
    for second in range(30):
        window.add("Down", began_at=float(second), now=float(second))
    window.clear(now=30.0)
    assert sums(window) == {"Up": 0, "Down": 0, "Unclear": 0}
    window.add("Up", began_at=100.0, now=100.0)
    assert sums(window) == {"Up": 1, "Down": 0, "Unclear": 0}


def test_without_a_failure_nothing_is_reached_even_at_nought_percent() -> None:
    window = BreakerWindow(seconds=60, now=0.0)
    window.add("Up", began_at=0.0, now=0.0)
    assert not window.reached(percent=0, min_attempts=0)
