"""When failures make an endpoint `Degraded`, and when no longer: it does not flap."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.status import DeliveryStatus
from jethook_dispatcher.core.counters import Counters, Totals
from jethook_dispatcher.core.degradation import LEAST_SECONDS
from tests.dispatcher.status.conftest import BUSY, OK, START

# (second, successes, failures): what ended then
Burst = tuple[float, int, int]


def attempted(counters: Counters, at: float, *, delivered: bool) -> bool:
    ended = START + timedelta(seconds=at)
    outcome = OK if delivered else BUSY
    return counters.attempted(outcome, attempt=1, ended_at=ended, next_attempt_at=None, now=at)


def after(*bursts: Burst) -> Counters:
    """Count bursts; failures are spread evenly among successes, a failure comes last."""
    counters = Counters()
    for at, successes, failures in bursts:
        total = successes + failures
        for number in range(total):
            failed = (number + 1) * failures // total > number * failures // total
            attempted(counters, at, delivered=not failed)
    return counters


def degraded_after(*bursts: Burst) -> bool:
    return after(*bursts).degraded(now=bursts[-1][0] if bursts else 0.0)


@pytest.mark.parametrize(
    ("bursts", "degraded"),
    [
        ([], False),
        ([(0, 18, 2)], False),  # nine tenths succeed
        ([(0, 17, 3)], True),
        ([(0, 12, 7)], False),  # too few to tell
        ([(0, 12, 8)], True),
        ([(0, 900, 100)], False),
        ([(0, 900, 101)], True),
        ([(0, 1, 8), (1, 10, 0)], False),
        ([(0, 1, 8), (1, 11, 0)], True),  # the attempt that makes them enough may be a success
        ([(0, 1, 8), (61, 11, 0)], False),  # of long before
        ([(0, 0, 10), (1, 10, 0)], False),  # an outage, which is over
        ([(0, 0, 10), (1, 10, 1)], True),  # and after which something fails again
        ([(0, 0, 30)], False),  # nothing but failures is Failing
        ([(0, 17, 3), (59, 100, 0)], True),  # well again, but not for long enough
        ([(0, 17, 3), (60, 1, 0)], False),  # a minute without a failure
        ([(0, 17, 3), (30, 1, 1), (60, 54, 0)], True),  # 94.7 percent
        ([(0, 17, 3), (30, 1, 1), (60, 58, 0)], False),  # 95 percent
        ([(0, 17, 3), (30, 1, 1), (60, 58, 0), (61, 0, 4)], False),  # between the bounds the state stays as it is
        ([(0, 17, 3), (30, 1, 1), (60, 58, 0), (61, 0, 5)], True),
        ([(0, 17, 3), (30, 0, 20), (61, 1, 0)], False),  # it began before an outage, and ends with it
        ([(0, 17, 3), (400, 1, 0)], False),  # the failures have left the window
        ([(0, 17, 3), (400, 0, 1)], True),  # and here is another
        ([(0, 17, 3), (310, 30, 1)], False),
    ],
)
def test_degraded(bursts: list[Burst], degraded: bool) -> None:  # noqa: FBT001
    assert degraded_after(*bursts) == degraded


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=400))
def test_it_lasts_a_minute_at_least_whatever_comes(history: list[tuple[float, bool]]) -> None:
    counters, at, was = Counters(), 0.0, False
    changes: list[tuple[float, bool]] = []
    for pause, delivered in history:
        at += pause
        for attempts in (0, 1):
            for _ in range(attempts):
                attempted(counters, at, delivered=delivered)
            if counters.degraded(now=at) != was:
                was = not was
                changes.append((at, was))
    began = [moment for moment, on in changes if on]
    ended = [moment for moment, on in changes if not on]
    assert all(end - begin >= LEAST_SECONDS for begin, end in zip(began, ended, strict=False))
    assert all(later - earlier >= LEAST_SECONDS for earlier, later in itertools.pairwise(began))


def test_a_change_is_no_reason_for_a_write_of_its_own() -> None:
    counters = after((0, 17, 2))
    assert not counters.degraded(now=0)
    assert not attempted(counters, 1, delivered=False)
    assert counters.degraded(now=1)
    assert not any(attempted(counters, 61, delivered=True) for _ in range(40))
    assert not counters.degraded(now=61)


def test_it_ends_without_another_attempt_when_the_minute_is_over() -> None:
    for successes in (5, 40):
        counters = after((0, 17, 3), (10, successes, 0))
        assert counters.degraded(now=59)
        assert not counters.degraded(now=60)


def test_it_lasts_while_the_last_attempt_has_failed() -> None:
    assert after((0, 17, 3)).degraded(now=10_000)


@pytest.mark.parametrize(
    ("state", "own", "degraded"),
    [("Degraded", [], True), ("Degraded", [(0.0, 1, 0)], False), ("Healthy", [], False)],
)
def test_a_new_owner_goes_on_with_what_the_former_saw(state: str, own: list[Burst], degraded: bool) -> None:  # noqa: FBT001
    counters = after(*own)
    counters.rebase(DeliveryStatus.model_validate({"state": state, "success_percent": 82}), persisted=Totals())
    assert counters.degraded(now=1) == degraded
    attempted(counters, 2, delivered=True)
    assert not counters.degraded(now=2), "one success is a share of 100 percent"
