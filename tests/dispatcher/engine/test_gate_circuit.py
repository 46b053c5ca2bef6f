"""What an open and a half-open circuit let through, and how the load comes back."""

from __future__ import annotations

import pytest

from jethook_contract.target import Limits
from jethook_dispatcher.core.gate import Gate, Permit, Wait
from jethook_dispatcher.core.targets import CircuitMemory
from tests.dispatcher.engine.gates import DELIVERED, NOW, answered, attempt, permit, target, trip, wait


def opened(*, rate: int | None = None) -> Gate:
    gate = Gate(target(limits=Limits(requests_per_second=rate, burst=1000 if rate else None)), now=NOW - 1000)
    trip(gate)
    return gate


def closed_again(*, rate: int | None = None) -> Gate:
    gate = opened(rate=rate)
    attempt(gate, DELIVERED, now=NOW + 30)
    return gate


def test_an_open_circuit_gives_no_permit_before_its_time() -> None:
    gate = opened()
    assert wait(gate) == Wait(NOW + 30, "CircuitBreaker")
    assert (gate.width(now=NOW), gate.ahead(now=NOW)) == (0, 0)
    report = gate.report(now=NOW + 10)
    assert (report.circuit, report.open_targets, report.next_probe_in_seconds) == ("Open", 1, 20)
    assert (report.pause_seconds, report.limited_by) == (30, "CircuitBreaker")


def test_half_open_lets_one_probe_through() -> None:
    gate = opened()
    assert (gate.width(now=NOW + 30), gate.ahead(now=NOW + 30)) == (1, 1)
    assert permit(gate, now=NOW + 30).probe
    assert wait(gate, now=NOW + 31) == Wait(None, "CircuitBreaker")
    assert (gate.width(now=NOW + 31), gate.ahead(now=NOW + 31)) == (1, 0)
    assert gate.report(now=NOW + 31).circuit == "HalfOpen"


def test_a_probe_that_was_not_sent_gives_its_place_back() -> None:
    gate = opened()
    gate.leave(permit(gate, now=NOW + 30), outcome=None, now=NOW + 30)
    assert permit(gate, now=NOW + 30).probe


def test_a_failed_probe_doubles_the_pause() -> None:
    gate = opened()
    attempt(gate, answered(500), now=NOW + 30)
    assert wait(gate, now=NOW + 31) == Wait(NOW + 90, "CircuitBreaker")


def test_a_retry_after_of_the_probe_holds_the_next_one_back() -> None:
    gate = opened()
    attempt(gate, answered(503, retry_after=300), now=NOW + 30)
    assert wait(gate, now=NOW + 90) == Wait(NOW + 330, "RetryAfter")
    assert permit(gate, now=NOW + 330).probe


def test_attempts_from_before_that_still_hang_do_not_hold_up_the_probe() -> None:
    gate = Gate(target(), now=NOW)
    hanging = [permit(gate) for _ in range(10)]
    trip(gate)
    assert permit(gate, now=NOW + 30).probe
    for each in hanging:
        gate.leave(each, outcome=answered(500), now=NOW + 31)
    assert gate.report(now=NOW + 31).circuit == "HalfOpen"


def test_slow_start_ramps_the_places_from_a_tenth() -> None:
    gate = closed_again()
    assert gate.report(now=NOW + 30).limited_by == "SlowStart"
    widths = [gate.width(now=NOW + 30 + seconds) for seconds in (0, 20, 40, 59, 60)]
    assert widths == [2, 8, 14, 19, 20]
    assert gate.report(now=NOW + 90).limited_by is None


def test_who_waits_for_slow_start_is_told_when_there_is_a_place() -> None:
    gate = closed_again()
    for _ in range(2):
        permit(gate, now=NOW + 30)
    told = wait(gate, now=NOW + 30)
    assert told.limited_by == "SlowStart"
    assert told.until is not None
    assert told.until == pytest.approx(NOW + 30 + 60 * 0.05 / 0.9)
    assert isinstance(gate.enter(now=told.until), Permit)


def test_slow_start_ramps_the_rate_from_a_tenth() -> None:
    gate = closed_again(rate=100)
    rates = [gate.report(now=NOW + 30 + seconds).allowed_requests_per_second for seconds in (0, 20, 40, 60)]
    assert rates == [10, 40, 70, None]


def test_slow_start_gives_what_the_ramp_sums_up_to() -> None:
    gate, now, count = closed_again(rate=100), NOW + 30.0, 0
    while now < NOW + 90:
        count += isinstance(found := gate.enter(now=now), Permit)
        if isinstance(found, Permit):
            gate.leave(found, outcome=DELIVERED, now=now)
        now += 0.005
    assert count == pytest.approx(60 * 100 * 0.55 + 100, rel=0.05)  # and the tenth of the burst that is at hand


def test_a_closed_circuit_leaves_nothing_to_the_next_owner() -> None:
    assert Gate(target(), now=NOW).memory(now=NOW) == ()


@pytest.mark.parametrize(("elapsed", "left"), [(12, 18.0), (40, 0.0)])
def test_the_next_owner_goes_on_with_the_pause(elapsed: float, left: float) -> None:
    memory = opened().memory(now=NOW + elapsed)
    assert memory == (CircuitMemory(url="https://r0.example", open_seconds=left, pause_seconds=30),)
    other = Gate(target(), now=5.0)
    other.restore(memory, now=5.0)
    assert other.width(now=4.999 + left) == 0
    assert permit(other, now=5.0 + left).probe


def test_what_throttles_lowers_the_rate_after_the_circuit_has_closed_too() -> None:
    gate = closed_again(rate=100)
    attempt(gate, answered(429), now=NOW + 80)
    assert gate.report(now=NOW + 80).limited_by == "Throttling"
    assert (gate.report(now=NOW + 80).allowed_requests_per_second or 100) < 45
