"""A seed decides the faults, and every kind has its turn."""

from __future__ import annotations

import pytest

from hack.chaos_faults import LASTS, dice, duration_seconds, schedule


@pytest.mark.parametrize(("events", "count"), [(100, 3), (2000, 3), (10_000, 4), (20_000, 8), (50_000, 20)])
def test_there_is_a_fault_for_so_many_events_and_three_at_least(events: int, count: int) -> None:
    assert len(schedule(dice("1"), events=events, dispatchers=2)) == count


@pytest.mark.parametrize("seed", range(20))
def test_a_run_of_twenty_thousand_has_every_kind_of_fault(seed: int) -> None:
    faults = schedule(dice(f"{seed}"), events=20_000, dispatchers=3)
    assert {fault.kind for fault in faults} == set(LASTS)
    for fault in faults:
        least, most = LASTS[fault.kind]
        assert least <= fault.lasts_seconds <= most
        assert 0 <= fault.target < 3


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    plans = [schedule(dice(seed), events=20_000, dispatchers=3) for seed in ("1", "1", "2")]
    assert plans[0] == plans[1] != plans[2]


def test_the_duration_counts_what_lasts_and_the_gaps() -> None:
    faults = schedule(dice("1"), events=100, dispatchers=2)
    assert duration_seconds(faults) == pytest.approx(sum(fault.lasts_seconds for fault in faults) + 4 * 8.0)
