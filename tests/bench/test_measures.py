"""Percentiles and rate windows, on which every verdict of a benchmark and of chaos rests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measures import excess, milliseconds, percentile


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1), (50, 50), (99, 99), (99.1, 100), (100, 100), (0.1, 1)], ids=str
)
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_a_p99_of_few_values_is_the_largest() -> None:
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


@pytest.mark.parametrize(("values", "percent"), [([], 99), ([1.0], 0), ([1.0], 101)])
def test_there_is_no_percentile_of_nothing_or_out_of_range(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, percent)


@pytest.mark.parametrize(
    ("times", "over"),
    [
        pytest.param([], 0, id="nothing came"),
        pytest.param([5.0] * 3, 0, id="a burst at once is allowed"),
        pytest.param([5.0] * 4, 1, id="one more than the burst at once"),
        pytest.param([0.1 * n for n in range(100)], 0, id="exactly the rate"),
        pytest.param([0.0, 0.0, 0.0, 0.1, 0.2, 0.3], 0, id="burst, then the rate"),
        pytest.param([0.0, 0.0, 0.0, 0.1, 0.15, 0.2], 1, id="burst, then faster than the rate"),
        pytest.param([0.0, 100.0, 100.0, 100.0, 100.0], 1, id="a long pause saves up no more than the burst"),
        pytest.param([0.2, 0.0, 0.0, 0.1, 0.0, 0.15], 1, id="in any order"),
    ],
)
def test_the_worst_window_counts(times: list[float], over: float) -> None:
    assert excess(times, per_second=10, burst=3) == pytest.approx(over, abs=1e-6)


@given(
    times=st.lists(st.floats(0, 10, allow_nan=False), max_size=30),
    per_second=st.floats(0.5, 20),
    burst=st.integers(1, 5),
)
def test_one_pass_finds_what_looking_at_every_window_finds(times: list[float], per_second: float, burst: int) -> None:
    ordered = sorted(times)
    windows = [
        last - first + 1 - burst - per_second * (ordered[last] - ordered[first])
        for first in range(len(ordered))
        for last in range(first, len(ordered))
    ]
    assert excess(times, per_second=per_second, burst=burst) == pytest.approx(max([0.0, *windows]), abs=1e-6)


def test_milliseconds_keep_two_digits() -> None:
    assert milliseconds(0.00123456) == 1.23
