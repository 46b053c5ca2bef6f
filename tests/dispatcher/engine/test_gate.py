"""The gate of one endpoint: limits, pauses, and what it says of itself."""

from __future__ import annotations

import pytest

from jethook_contract.target import BreakerPolicy, Limits
from jethook_dispatcher.core.gate import Disabled, Gate, Permit, Wait
from jethook_dispatcher.core.outcome import Outcome
from tests.dispatcher.engine.gates import DELIVERED, NOW, answered, attempt, faulty, permit, target, trip, wait


def gate(*, rate: int | None = None, burst: int | None = None, places: int = 20) -> Gate:
    limits = Limits(requests_per_second=rate, burst=burst, max_in_flight=places)
    return Gate(target(limits=limits), now=NOW)


def test_as_many_attempts_run_as_there_are_places() -> None:
    one = gate(places=2)
    first, _ = permit(one), permit(one)
    assert wait(one) == Wait(None, "MaxInFlight")
    one.leave(first, outcome=DELIVERED, now=NOW)
    assert isinstance(one.enter(now=NOW), Permit)


def test_a_new_owner_may_not_repeat_the_burst_of_the_old_one() -> None:
    one = gate(rate=10, burst=5)
    assert wait(one) == Wait(NOW + 0.1, "RequestsPerSecond")
    attempt(one, DELIVERED, now=NOW + 0.1)
    assert wait(one, now=NOW + 0.1).limited_by == "RequestsPerSecond"


def test_what_was_not_sent_costs_no_token_and_no_place() -> None:
    one = gate(rate=1, places=1)
    for _ in range(5):
        one.leave(permit(one, now=NOW + 1), outcome=None, now=NOW + 1)
    attempt(one, DELIVERED, now=NOW + 1)
    assert wait(one, now=NOW + 1).limited_by == "RequestsPerSecond"


def test_an_update_keeps_places_tokens_and_permits() -> None:
    one = gate(rate=10, burst=10, places=3)
    held = [permit(one, now=NOW + 0.3) for _ in range(2)]
    one.update(target(limits=Limits(requests_per_second=100, burst=100, max_in_flight=2)), now=NOW + 0.3)
    assert wait(one, now=NOW + 0.3) == Wait(None, "MaxInFlight")
    for each in held:
        one.leave(each, outcome=DELIVERED, now=NOW + 0.3)
    attempt(one, DELIVERED, now=NOW + 0.3)
    assert wait(one, now=NOW + 0.3).limited_by == "RequestsPerSecond"


def test_a_rate_that_comes_and_goes_gives_no_burst() -> None:
    one = gate()
    held = permit(one)
    one.update(target(limits=Limits(requests_per_second=10)), now=NOW)
    one.leave(held, outcome=None, now=NOW)
    assert wait(one).limited_by == "RequestsPerSecond"
    one.update(target(), now=NOW)
    attempt(one, DELIVERED)


@pytest.mark.parametrize(("asked", "seconds"), [(7, 7), (900, 900), (86_400, 900)])
def test_retry_after_pauses_the_whole_gate_up_to_the_longest_pause(asked: int, seconds: int) -> None:
    one = gate()
    attempt(one, answered(500, retry_after=asked))
    assert wait(one) == Wait(NOW + seconds, "RetryAfter")
    assert (one.width(now=NOW), one.ahead(now=NOW)) == (0, 0)
    assert one.report(now=NOW).limited_by == "RetryAfter"
    assert isinstance(one.enter(now=NOW + seconds), Permit)


def test_an_earlier_retry_after_does_not_shorten_a_pause() -> None:
    one = gate()
    first, second = permit(one), permit(one)
    one.leave(first, outcome=answered(503, retry_after=60), now=NOW)
    one.leave(second, outcome=answered(503, retry_after=5), now=NOW)
    assert wait(one).until == NOW + 60


def test_a_delivered_event_pauses_nothing() -> None:
    one = gate()
    attempt(one, answered(202, retry_after=60))
    attempt(one, DELIVERED)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome(kind="Disable", status_code=410, reason="HTTPStatus", disables=True), "Gone"),
        (Outcome(kind="Disable", status_code=400, reason="HTTPStatus", disables=True), "DisabledByReceiver"),
        (Outcome(kind="Delivered", status_code=200, disables=True), "DisabledByReceiver"),
        (Outcome(kind="Abort", status_code=410, reason="HTTPStatus", disables=True), "Gone"),
        (Outcome(kind="Disable"), "DisabledByReceiver"),
    ],
)
def test_a_receiver_that_wants_no_more_gets_no_more_until_enabled(outcome: Outcome, reason: str) -> None:
    one = gate()
    attempt(one, outcome)
    assert wait(one) == Wait(None, "Disabled")
    disabled = one.report(now=NOW).disabled
    assert disabled is not None
    assert disabled.reason == reason
    assert one.width(now=NOW) == 0
    one.enable(now=NOW)
    attempt(one, DELIVERED)
    assert one.report(now=NOW).disabled is None


def test_disabled_as_the_record_says() -> None:
    one = gate()
    one.disable(reason="Gone", message="m")
    assert one.report(now=NOW).disabled == Disabled("Gone", "m")
    assert one.report(now=NOW).limited_by == "Disabled"


def test_to_enable_ends_a_pause_of_before() -> None:
    one = gate()
    attempt(one, answered(500, retry_after=600))
    one.enable(now=NOW)
    attempt(one, DELIVERED)


def test_abort_message_dead_letters_an_event_and_leaves_the_gate_open() -> None:
    one = gate()
    for _ in range(50):
        attempt(one, Outcome(kind="Abort", status_code=400, reason="HTTPStatus"))
    assert one.report(now=NOW).circuit == "Closed"


def test_nothing_starts_while_the_handshake_is_refused() -> None:
    one = gate()
    one.refuse(True)
    assert wait(one) == Wait(None, "Handshake")
    assert one.report(now=NOW).limited_by == "Handshake"
    one.refuse(False)
    attempt(one, DELIVERED)


def test_the_handshake_bounds_the_rate() -> None:
    one = gate()
    one.allow_rate(2.0)
    assert wait(one) == Wait(NOW + 0.5, "RequestsPerSecond")
    one.allow_rate(None)
    attempt(one, DELIVERED)


def test_throttling_halves_the_rate_and_says_so() -> None:
    one = gate(rate=40)
    for step in range(200):
        attempt(one, DELIVERED, now=NOW + 1 + step * 0.025)
    now = NOW + 6.0
    attempt(one, answered(429), now=now)
    report = one.report(now=now)
    assert (report.limited_by, report.allowed_requests_per_second) == ("Throttling", 20)
    assert one.report(now=now + 29).allowed_requests_per_second == 39
    assert one.report(now=now + 31).allowed_requests_per_second is None
    assert one.report(now=now + 31).limited_by is None


def test_throttling_without_a_spec_goes_by_what_was_sent() -> None:
    one = gate(places=1)
    for step in range(400):
        attempt(one, DELIVERED, now=NOW + step * 0.01)
    attempt(one, answered(503), now=NOW + 4.0)
    assert 45 <= (one.report(now=NOW + 4.0).allowed_requests_per_second or 0) <= 55
    assert wait(one, now=NOW + 4.0).limited_by == "Throttling"
    assert one.report(now=NOW + 200.0).allowed_requests_per_second is None
    attempt(one, DELIVERED, now=NOW + 200.0)


@pytest.mark.parametrize(
    ("rate", "places", "ahead"), [(None, 20, 20), (1, 20, 2), (5, 20, 10), (100, 20, 20), (1, 1, 1)]
)
def test_no_more_is_kept_ahead_than_two_seconds_can_start(rate: int | None, places: int, ahead: int) -> None:
    one = gate(rate=rate, places=places)
    assert (one.width(now=NOW), one.ahead(now=NOW)) == (places, ahead)


def test_without_demand_no_limit_is_said_to_hold_anything_back() -> None:
    one = gate(rate=1, places=1)
    assert one.report(now=NOW).limited_by is None
    wait(one)
    assert one.report(now=NOW).limited_by == "RequestsPerSecond"
    held = permit(one, now=NOW + 1)
    assert one.report(now=NOW + 1).limited_by is None
    wait(one, now=NOW + 5)
    assert one.report(now=NOW + 5).limited_by == "MaxInFlight"
    one.leave(held, outcome=DELIVERED, now=NOW + 5)
    assert one.report(now=NOW + 5).limited_by is None


def test_a_fresh_gate_has_nothing_to_report() -> None:
    report = gate().report(now=NOW)
    assert (report.limited_by, report.circuit, report.open_targets, report.targets) == (None, "Closed", 0, 1)
    assert (report.next_probe_in_seconds, report.pause_seconds, report.disabled) == (None, 30, None)


def test_a_single_target_fails_over_to_nothing() -> None:
    one = gate()
    held = permit(one)
    assert one.fail_over(held, outcome=faulty("ConnectFailed"), tried=frozenset({0}), now=NOW) is None
    one.leave(held, outcome=faulty("ConnectFailed"), now=NOW)


def test_the_failure_of_an_attempt_counts_once_where_no_target_is_left() -> None:
    one = Gate(target(breaker=BreakerPolicy(min_requests=2)), now=NOW)
    held = permit(one)
    one.fail_over(held, outcome=faulty("ConnectFailed"), tried=frozenset({0}), now=NOW)
    one.leave(held, outcome=faulty("ConnectFailed"), now=NOW)
    assert one.report(now=NOW).circuit == "Closed"
    trip(one, times=1)
    assert one.report(now=NOW).circuit == "Open"
