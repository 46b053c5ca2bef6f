"""The circuit of one target."""

from __future__ import annotations

import pytest

from jethook_contract.errors import Bug
from jethook_contract.target import BreakerPolicy
from jethook_dispatcher.core.answers import Health
from jethook_dispatcher.core.breaker import TRANSITIONS, Breaker

POLICY = BreakerPolicy(min_requests=4, open_seconds=30, max_open_seconds=100, slow_start_seconds=60)


def breaker(policy: BreakerPolicy = POLICY) -> Breaker:
    return Breaker(policy, now=0.0)


def fed(circuit: Breaker, outcomes: str, *, now: float = 0.0) -> Breaker:
    """Feed a word of + (up), - (down) and ? (unclear)."""
    meanings: dict[str, Health] = {"+": "Up", "-": "Down", "?": "Unclear"}
    for sign in outcomes:
        circuit.ended(meanings[sign], began_at=now, now=now)
    return circuit


def probed(circuit: Breaker, health: Health | None, *, now: float) -> Breaker:
    assert circuit.advance(now=now) == "HalfOpen"
    circuit.probing = True
    circuit.probe_ended(health, now=now)
    assert not circuit.probing
    return circuit


def opened() -> Breaker:
    return fed(breaker(), "----")


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ("---", "Closed"),  # fewer than minRequests
        ("----", "Open"),
        ("++++", "Closed"),
        ("++--", "Open"),  # half of them
        ("+++--", "Closed"),
        ("+++---", "Open"),
        ("????", "Open"),  # nothing but refusals
        ("--??", "Open"),
        ("+???????????", "Closed"),  # refusals beside a success say nothing
        ("+??-?-??-", "Open"),  # and do not hide the failures: three of four
        ("+-????????", "Closed"),
    ],
)
def test_when_it_opens(outcomes: str, state: str) -> None:
    assert fed(breaker(), outcomes).state == state


def test_what_is_older_than_the_window_does_not_count() -> None:
    circuit = fed(breaker(), "---")
    assert fed(circuit, "-", now=61.0).state == "Closed"
    assert fed(circuit, "---", now=62.0).state == "Open"


def test_a_steady_stream_of_few_failures_never_opens_it() -> None:
    circuit = breaker()
    for second in range(1000):
        assert fed(circuit, "+-+", now=float(second)).state == "Closed"


def after_successes() -> Breaker:
    """Make one with 100 successes in its window; the last of them ended at 10.0."""
    return fed(breaker(), "+" * 100, now=10.0)


@pytest.mark.parametrize(
    ("failures", "state"),
    [
        ([("-", 11.0), ("-", 12.0), ("-", 13.0), ("-", 16.9)], "Closed"),  # less than a tenth of the window
        ([("-", 11.0), ("-", 12.0), ("-", 13.0), ("-", 17.0)], "Open"),
        ([("-", 11.0), ("-", 17.0), ("-", 18.0)], "Closed"),  # fewer than minRequests
        ([("----------", 11.0)], "Closed"),  # what was in flight fails at once
        ([("---", 11.0), ("+", 12.0), ("----", 17.0)], "Closed"),  # one success, and the row begins anew
        ([("---", 11.0), ("?", 12.0), ("-", 17.0)], "Open"),  # what is unclear does not end it
        ([("????", 11.0), ("????", 30.0)], "Closed"),  # nor does it make one
        ([("-", 20.0), ("-", 40.0), ("-", 60.0), ("-", 68.9)], "Open"),
        ([("-", 20.0), ("-", 45.0), ("-", 62.0), ("-", 68.9), ("+", 69.0), ("---", 76.0)], "Open"),  # by the share
    ],
)
def test_failures_in_a_row_over_a_tenth_of_the_window_open_it_too(
    failures: list[tuple[str, float]], state: str
) -> None:
    circuit = after_successes()
    for outcomes, now in failures:
        fed(circuit, outcomes, now=now)
    assert circuit.state == state


def test_attempts_that_hung_have_failed_since_they_began_but_not_since_before_the_last_success() -> None:
    circuit = after_successes()
    for _ in range(4):
        circuit.ended("Down", began_at=1.0, now=15.9)
    assert circuit.state == "Closed", "5.9 s ago something succeeded"
    circuit.ended("Down", began_at=1.0, now=16.0)
    assert circuit.state == "Open"


def test_a_row_that_takes_longer_than_the_window_does_not_open_it_beyond_the_share() -> None:
    circuit = fed(breaker(), "+" * 100)
    for number in range(100):
        assert fed(circuit, "-", now=20.0 * number).state == "Closed", "three in each minute"


def test_a_row_from_before_the_circuit_opened_does_not_count_after_it() -> None:
    circuit = probed(fed(fed(after_successes(), "---", now=11.0), "-", now=17.0), "Up", now=47.0)
    assert fed(circuit, "---", now=60.0).state == "Closed"


def test_it_stays_open_for_the_pause() -> None:
    circuit = opened()
    assert circuit.advance(now=29.999) == "Open"
    assert circuit.advance(now=30.0) == "HalfOpen"


def test_late_answers_of_attempts_from_before_change_nothing() -> None:
    circuit = fed(opened(), "+-+-?", now=5.0)
    assert (circuit.state, circuit.until) == ("Open", 30.0)
    circuit.advance(now=30.0)
    assert fed(circuit, "+-", now=31.0).state == "HalfOpen"


def test_the_pause_doubles_with_each_failed_probe_up_to_the_longest() -> None:
    circuit, pauses = opened(), []
    for _ in range(4):
        pauses.append(circuit.pause_seconds)
        probed(circuit, "Down", now=circuit.until)
    assert pauses == [30, 60, 100, 100]


def test_a_probe_that_succeeds_closes_it_and_slow_start_begins() -> None:
    circuit = probed(opened(), "Up", now=30.0)
    assert circuit.state == "Closed"
    shares = [circuit.share(now=now) for now in (30.0, 60.0, 89.999, 90.0, 1000.0)]
    assert shares == pytest.approx([0.1, 0.55, 1.0, 1.0, 1.0], abs=1e-4)


def test_without_slow_start_the_whole_load_comes_back_at_once() -> None:
    circuit = fed(breaker(POLICY.model_copy(update={"slow_start_seconds": 0})), "----")
    assert probed(circuit, "Up", now=30.0).share(now=30.0) == 1.0
    assert circuit.pause_seconds == 30


def test_a_refused_probe_is_followed_by_one_with_another_event_which_decides() -> None:
    circuit = probed(opened(), "Unclear", now=30.0)
    assert circuit.state == "HalfOpen"
    assert probed(circuit, "Unclear", now=30.0).state == "Open"
    assert circuit.until == 90.0
    probed(circuit, "Unclear", now=90.0)
    assert probed(circuit, "Up", now=90.0).state == "Closed"


def test_a_probe_that_was_not_sent_leaves_its_place_to_the_next() -> None:
    circuit = probed(opened(), None, now=30.0)
    assert (circuit.state, circuit.pause_seconds) == ("HalfOpen", 30)


def test_failures_of_before_do_not_count_after_it_has_closed() -> None:
    circuit = probed(opened(), "Up", now=30.0)
    assert fed(circuit, "---", now=31.0).state == "Closed"


def test_a_receiver_that_fails_again_in_slow_start_gets_a_longer_pause() -> None:
    circuit = fed(probed(opened(), "Up", now=30.0), "----", now=40.0)
    assert (circuit.state, circuit.pause_seconds) == ("Open", 60)


def test_after_slow_start_the_pauses_begin_anew() -> None:
    circuit = fed(probed(opened(), "Up", now=30.0), "----", now=91.0)
    assert (circuit.state, circuit.pause_seconds) == ("Open", 30)


def test_a_new_owner_goes_on_where_the_former_one_was() -> None:
    circuit = breaker()
    circuit.take_over(open_seconds=12.0, pause_seconds=60, now=5.0)
    assert (circuit.state, circuit.until, circuit.pause_seconds) == ("Open", 17.0, 60)
    assert probed(circuit, "Down", now=17.0).pause_seconds == 100


@pytest.mark.parametrize(("seconds", "pause"), [(1e9, 10**9), (-5.0, -1), (0.0, 0)])
def test_what_the_former_owner_left_is_held_to_the_policy(seconds: float, pause: int) -> None:
    circuit = breaker()
    circuit.take_over(open_seconds=seconds, pause_seconds=pause, now=0.0)
    assert 0.0 <= circuit.until <= 100.0
    assert 30 <= circuit.pause_seconds <= 100


def test_a_shorter_longest_pause_ends_a_long_one_sooner() -> None:
    circuit = probed(probed(opened(), "Down", now=30.0), "Down", now=90.0)
    circuit.update(POLICY.model_copy(update={"max_open_seconds": 40}), now=100.0)
    assert (circuit.state, circuit.until, circuit.pause_seconds) == ("Open", 140.0, 40)


def test_another_window_begins_empty_and_the_same_policy_changes_nothing() -> None:
    circuit = fed(breaker(), "---")
    circuit.update(POLICY, now=1.0)
    assert fed(circuit, "-", now=1.0).state == "Open"
    other = fed(breaker(), "---")
    other.update(POLICY.model_copy(update={"window_seconds": 10}), now=1.0)
    assert fed(other, "---", now=1.0).state == "Closed"


def test_what_the_table_does_not_hold_is_a_bug() -> None:
    circuit = breaker()
    with pytest.raises(Bug, match="Closed cannot take in ProbeFailed"):
        circuit.probe_ended("Down", now=0.0)


def test_from_every_state_there_is_a_way_to_closed() -> None:
    reached = {"Closed"}
    for _ in TRANSITIONS:
        reached |= {state for state, row in TRANSITIONS.items() if reached & set(row.values())}
    assert reached == set(TRANSITIONS)
