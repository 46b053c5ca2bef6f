"""Several instances of one receiver."""

from __future__ import annotations

from collections import Counter

import pytest

from jethook_contract.target import BreakerPolicy, Limits, TargetUrl
from jethook_dispatcher.core.gate import Gate, Permit
from tests.dispatcher.engine.gates import DELIVERED, NOW, answered, attempt, faulty, permit, target, wait

QUICK = BreakerPolicy(min_requests=2, failure_percent=60)
NONE_TRIED: frozenset[int] = frozenset()


def gate(*weights: int, limits: Limits = Limits(), breaker: BreakerPolicy = QUICK) -> Gate:  # noqa: B008 -- frozen
    return Gate(target(*weights, limits=limits, breaker=breaker), now=NOW)


def fail_at(one: Gate, index: int, *, now: float = NOW, times: int = 2) -> None:
    """Let attempts at one target fail, and all others succeed."""
    failed = 0
    while failed < times:
        held = permit(one, now=now)
        failed += held.target == index
        one.leave(held, outcome=answered(500) if held.target == index else DELIVERED, now=now)


def test_what_is_outstanding_is_shared_by_weight() -> None:
    one = gate(1, 2, 3, limits=Limits(max_in_flight=60))
    assert Counter(permit(one).target for _ in range(60)) == {0: 10, 1: 20, 2: 30}


def test_equal_targets_take_turns() -> None:
    one = gate(1, 1, 1)
    found = []
    for _ in range(6):
        held = permit(one)
        found.append(held.target)
        one.leave(held, outcome=DELIVERED, now=NOW)
    assert found == [0, 1, 2, 0, 1, 2]


def test_a_slow_target_gets_less() -> None:
    one, found = gate(1, 1), Counter[int]()
    hanging = [held for _ in range(8) if (held := permit(one)).target == 0]
    for _ in range(20):
        held = permit(one)
        found[held.target] += 1
        if held.target == 1:
            one.leave(held, outcome=DELIVERED, now=NOW)
    assert len(hanging) == 4
    assert found[1] > 5 * found[0]


def test_an_open_target_is_left_out_and_the_endpoint_stays_closed() -> None:
    one = gate(1, 1)
    fail_at(one, 0)
    assert {permit(one).target for _ in range(5)} == {1}
    report = one.report(now=NOW)
    assert (report.circuit, report.open_targets, report.targets) == ("Closed", 1, 2)
    assert (report.next_probe_in_seconds, report.limited_by) == (30, None)
    assert one.width(now=NOW) == 20


def test_the_endpoint_is_open_when_no_target_may_be_tried() -> None:
    one = gate(1, 1)
    fail_at(one, 0)
    for _ in range(2):
        attempt(one, answered(500), now=NOW + 10)
    assert wait(one, now=NOW + 10).until == NOW + 30
    assert one.report(now=NOW + 10).circuit == "Open"


@pytest.mark.parametrize("restored", [(0, 1, 2), (2, 1, 0), (1, 0)], ids=str)
def test_a_new_owner_goes_on_with_the_circuit_of_each_target_wherever_it_stands_now(restored: tuple[int, ...]) -> None:
    one = gate(1, 1, 1)
    fail_at(one, 0)
    fail_at(one, 0, now=NOW + 30, times=1)  # the probe: a pause of 60 s
    fail_at(one, 1, now=NOW + 70)
    memory = one.memory(now=NOW + 80)
    assert [(left.open_seconds, left.pause_seconds) for left in memory] == [(10, 60), (20, 30)]
    spec = target(1, 1, 1)
    other = Gate(spec.model_copy(update={"urls": tuple(spec.urls[place] for place in restored)}), now=5.0)
    other.restore(memory, now=5.0)
    report = other.report(now=5.0)
    assert (report.open_targets, report.targets, report.next_probe_in_seconds) == (2, len(restored), 10)
    entered = [other.enter(now=at) for at in (14.9, 15.0, 24.9, 25.0)]
    probes = [held.target for held in entered if isinstance(held, Permit) and held.probe]
    assert probes == [restored.index(0), restored.index(1)]


def test_a_target_is_probed_beside_the_others_by_one_attempt() -> None:
    one = gate(1, 1)
    fail_at(one, 0)
    permits = [permit(one, now=NOW + 30) for _ in range(5)]
    assert [(held.target, held.probe) for held in permits] == [(0, True), *[(1, False)] * 4]


def test_a_target_that_comes_back_begins_with_a_tenth_of_its_share() -> None:
    one = gate(1, 1, limits=Limits(max_in_flight=22))
    fail_at(one, 0)
    attempt(one, DELIVERED, now=NOW + 30)
    assert one.width(now=NOW + 30) == 22  # the other one is warm
    assert Counter(permit(one, now=NOW + 30).target for _ in range(22)) == {1: 20, 0: 2}


def test_a_failed_attempt_goes_on_at_another_target() -> None:
    one = gate(1, 1)
    held = permit(one)
    other = one.fail_over(held, outcome=faulty("ConnectFailed"), tried=frozenset({held.target}), now=NOW)
    assert other is not None
    assert (other.target, other.probe) == (1 - held.target, False)
    one.leave(other, outcome=DELIVERED, now=NOW)
    assert one.report(now=NOW).open_targets == 0


def test_the_failure_counts_where_it_happened() -> None:
    one = gate(1, 1)
    for _ in range(2):
        held = permit(one)
        while held.target != 0:
            one.leave(held, outcome=DELIVERED, now=NOW)
            held = permit(one)
        other = one.fail_over(held, outcome=answered(503), tried=NONE_TRIED, now=NOW)
        assert other is not None
        one.leave(other, outcome=DELIVERED, now=NOW)
    assert one.report(now=NOW).open_targets == 1
    assert {permit(one).target for _ in range(4)} == {1}


def test_a_probe_that_fails_goes_on_at_a_closed_target() -> None:
    one = gate(1, 1)
    fail_at(one, 0)
    probe = permit(one, now=NOW + 30)
    other = one.fail_over(probe, outcome=faulty("ConnectFailed"), tried=frozenset({0}), now=NOW + 30)
    assert other is not None
    assert (other.target, other.probe) == (1, False)
    assert one.report(now=NOW + 30).next_probe_in_seconds == 60


@pytest.mark.parametrize("outcome", [answered(500), answered(404), answered(503, retry_after=9), faulty("Timeout")])
def test_what_another_target_would_not_do_better_is_not_failed_over(outcome: object) -> None:
    one = gate(1, 1)
    assert one.fail_over(permit(one), outcome=outcome, tried=NONE_TRIED, now=NOW) is None  # type: ignore[arg-type] # parametrized


def test_no_target_is_tried_twice() -> None:
    one = gate(1, 1, 1)
    first = permit(one)
    second = one.fail_over(first, outcome=answered(502), tried=frozenset({first.target}), now=NOW)
    assert second is not None
    tried = frozenset({first.target, second.target})
    third = one.fail_over(second, outcome=answered(502), tried=tried, now=NOW)
    assert third is not None
    assert third.target not in tried
    assert one.fail_over(third, outcome=answered(502), tried=tried | {third.target}, now=NOW) is None


def test_another_request_takes_another_token() -> None:
    one = gate(1, 1, limits=Limits(requests_per_second=10, burst=1))
    held = permit(one, now=NOW + 1)
    assert one.fail_over(held, outcome=answered(502), tried=NONE_TRIED, now=NOW + 1) is None
    assert one.fail_over(held, outcome=answered(502), tried=NONE_TRIED, now=NOW + 1.1) is not None


def test_what_never_left_passes_its_token_on() -> None:
    one = gate(1, 1, limits=Limits(requests_per_second=10, burst=1))
    held = permit(one, now=NOW + 1)
    assert one.fail_over(held, outcome=faulty("ConnectFailed"), tried=NONE_TRIED, now=NOW + 1) is not None
    assert wait(one, now=NOW + 1).limited_by == "RequestsPerSecond"


def test_looking_at_the_gate_loses_no_token_of_an_attempt_under_way() -> None:
    one = gate(1, 1, limits=Limits(requests_per_second=10, burst=5))
    held = [permit(one, now=NOW + 1) for _ in range(5)]
    one.ahead(now=NOW + 1.01)
    one.report(now=NOW + 1.01)
    for each in held[:2]:
        one.leave(each, outcome=None, now=NOW + 1.01)
    assert isinstance(one.enter(now=NOW + 1.01), Permit)


def test_a_disabled_endpoint_fails_over_to_nothing() -> None:
    one = gate(1, 1)
    held = permit(one)
    one.disable(reason="Gone", message="m")
    assert one.fail_over(held, outcome=answered(502), tried=NONE_TRIED, now=NOW) is None


def test_an_update_keeps_the_circuits_of_the_urls_that_stay() -> None:
    one = gate(1, 1)
    fail_at(one, 0)
    held = permit(one)
    before = target(1, 1, breaker=QUICK)
    new = TargetUrl(url="https://new.example")
    one.update(before.model_copy(update={"urls": (new, before.urls[0])}), now=NOW)
    assert one.report(now=NOW).open_targets == 1
    one.leave(held, outcome=answered(500), now=NOW)  # at a URL that is gone
    assert {permit(one).target for _ in range(5)} == {0}
    assert permit(one, now=NOW + 30).target == 1


def test_a_url_that_is_named_twice_is_two_targets() -> None:
    before = target(1, breaker=QUICK)
    one = Gate(before.model_copy(update={"urls": before.urls * 2}), now=NOW)
    one.update(before.model_copy(update={"urls": before.urls * 3}), now=NOW)
    assert one.report(now=NOW).targets == 3
    assert [permit(one).target for _ in range(3)] == [0, 1, 2]
    assert isinstance(one.enter(now=NOW), Permit)
