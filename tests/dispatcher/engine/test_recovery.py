"""A receiver that is down for a minute at 200 events a second, and one that says it is given too many."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jethook_contract.target import BreakerPolicy, Limits
from jethook_dispatcher.core.outcome import Outcome
from tests.dispatcher.engine.gates import DELIVERED, answered, target
from tests.dispatcher.engine.receiver_simulation import Simulation

DOWN_AT, UP_AT = 20.0, 80.0
BREAKER = BreakerPolicy(open_seconds=5, max_open_seconds=30, slow_start_seconds=30)


def down_for_a_minute(now: float) -> Outcome:
    return answered(500) if DOWN_AT <= now < UP_AT else DELIVERED


@pytest.fixture(scope="module")
def recovery() -> Simulation:
    limits = Limits(requests_per_second=400, burst=20, max_in_flight=50)
    simulation = Simulation(target(limits=limits, breaker=BREAKER), 200.0, down_for_a_minute)
    simulation.run(until=160.0)
    return simulation


def test_twelve_thousand_events_cost_a_few_attempts_while_it_is_down(recovery: Simulation) -> None:
    # The window holds many successes when it goes down; failures in a row for a tenth of it open the circuit.
    opened_at = next(later for (at, _), (later, _) in pairwise(recovery.attempts) if later - at > 4)
    assert opened_at - DOWN_AT < 6 + 5 + 0.5  # the row, and the pause before the next attempt
    assert recovery.began(DOWN_AT, UP_AT) <= 6.1 * 400
    assert recovery.began(opened_at, UP_AT) <= 4
    assert all(probe for at, probe in recovery.attempts if opened_at <= at < UP_AT)


def test_the_probes_come_ever_more_rarely(recovery: Simulation) -> None:
    probes = recovery.probes()
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert gaps == pytest.approx([10.0, 20.0, 30.0][: len(gaps)], abs=0.1)


def test_it_is_found_up_within_the_longest_pause_and_then_stays_closed(recovery: Simulation) -> None:
    up_again = recovery.probes()[-1]
    assert UP_AT <= up_again <= UP_AT + 30
    assert recovery.gate.report(now=recovery.now).circuit == "Closed"


def test_slow_start_ramps_the_rate_as_specified(recovery: Simulation) -> None:
    up_again = recovery.probes()[-1]
    for second in (1, 10, 20, 29):
        share = 0.1 + 0.9 * (second + 0.5) / 30
        began = recovery.began(up_again + second, up_again + second + 1)
        assert began == pytest.approx(400 * share, rel=0.06, abs=3), second


def test_what_gathered_is_drained_at_the_rate_and_no_faster(recovery: Simulation) -> None:
    times = [at for at, _ in recovery.attempts]
    first = 0
    for last, at in enumerate(times):
        while times[first] < at - 1.0:
            first += 1
        assert last - first + 1 <= 20 + 400 * 1.0 + 1
    assert recovery.delivered + len(recovery.in_flight) + recovery.backlog == pytest.approx(200 * 160, abs=2)


def test_a_fresh_window_opens_after_the_least_number_of_attempts() -> None:
    simulation = Simulation(target(breaker=BREAKER), 200.0, lambda _now: answered(500))
    simulation.run(until=60.0)
    # 20 to open, at most another 20 under way then, and the probes of a minute.
    assert simulation.began(0.0, 60.0) <= 40 + 5
    assert len(simulation.probes()) == 3  # after pauses of 5, 10 and 20 s


def test_throttling_settles_near_what_the_receiver_takes() -> None:
    taken: list[float] = []

    def forty_a_second(now: float) -> Outcome:
        while taken and taken[0] <= now - 1.0:
            taken.pop(0)
        if len(taken) >= 40:
            return answered(429)
        taken.append(now)
        return DELIVERED

    limits = Limits(requests_per_second=100, burst=10, max_in_flight=50)
    simulation = Simulation(target(limits=limits, breaker=BREAKER), 200.0, forty_a_second)
    simulation.run(until=300.0)
    began = simulation.began(60.0, 300.0)
    assert simulation.gate.report(now=300.0).circuit == "Closed"
    assert 0.55 * 40 * 240 <= began <= 1.1 * 40 * 240
    before = simulation.delivered
    simulation.run(until=360.0)
    assert simulation.delivered - before >= 0.55 * 40 * 60
