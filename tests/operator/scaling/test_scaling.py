"""How many dispatchers a load makes: the decision as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from jethook_operator.core.scaling import (
    GAP_SECONDS,
    PoolLoad,
    ScalingDecision,
    ScalingMemory,
    ScalingPolicy,
    decide_replicas,
)

LONG = 700.0
EVERY = 5.0
POLICY = ScalingPolicy(min_replicas=1, max_replicas=10)
QUIET = PoolLoad(utilization_percents=(1,))
BUSY = PoolLoad(busy_shards=200, handed_out=5000)


def working(*percents: int) -> PoolLoad:
    """Give the load of many endpoints that keep up."""
    return replace(BUSY, utilization_percents=percents)


@dataclass
class Pool:
    """A pool whose decisions are carried out at once; nothing is simulated."""

    policy: ScalingPolicy = POLICY
    replicas: int = 1
    now: float = 1000.0
    memory: ScalingMemory = field(default_factory=ScalingMemory)

    def look(self, load: PoolLoad | None) -> ScalingDecision:
        decision = decide_replicas(
            policy=self.policy, load=load, current=self.replicas, memory=self.memory, now=self.now
        )
        self.memory, self.replicas = decision.memory, decision.replicas
        return decision

    def after(self, seconds: float, load: PoolLoad | None, *, every: float = EVERY) -> ScalingDecision:
        """Look again and again at the same load for so long; give the last decision."""
        end = self.now + seconds
        while self.now < end:
            self.look(load)
            self.now += every
        return self.look(load)


@pytest.mark.parametrize(
    ("percents", "replicas", "reason"),
    [
        ((60,), 1, "WithinTolerance"),
        ((66,), 1, "WithinTolerance"),
        ((67,), 2, "UtilizationHigh"),
        ((100,), 2, "UtilizationHigh"),
        ((100, 100), 4, "UtilizationHigh"),
        ((90, 80, 70), 4, "UtilizationHigh"),
        ((100, 0), 2, "WithinTolerance"),
        ((100, 20), 2, "WithinTolerance"),
        ((10, 10, 10), 1, "UtilizationLow"),
        ((50, 30, 30), 2, "UtilizationLow"),
        ((55, 55, 55, 55), 4, "WithinTolerance"),
        ((0, 0, 0), 1, "UtilizationLow"),
        ((1,), 1, "WithinTolerance"),
    ],
)
def test_the_number_brings_the_members_to_the_target(percents: Sequence[int], replicas: int, reason: str) -> None:
    pool = Pool(replicas=len(percents))
    pool.after(295.0, working(*([60] * len(percents))))  # what was wanted before is known
    changed = []
    for _ in range(80):
        pool.now += EVERY
        decision = pool.look(working(*percents))
        if decision.reason != "Stabilizing":
            changed.append(decision)
            break
    assert (changed[0].replicas, changed[0].reason) == (replicas, reason)


def test_more_are_taken_after_ten_seconds_and_not_for_one_look() -> None:
    pool = Pool()
    pool.after(100.0, working(50))
    assert pool.look(working(100)).reason == "Stabilizing"
    assert pool.after(EVERY, working(50)).replicas == 1
    assert pool.after(EVERY, working(100)).replicas == 1
    assert pool.after(2 * EVERY, working(100)).replicas == 2


def test_at_most_twice_as_many_at_once() -> None:
    policy = replace(POLICY, target_utilization_percent=10)
    assert Pool(policy=policy).after(15.0, working(100)).replicas == 2
    assert Pool(policy=policy, replicas=3).after(15.0, working(100, 100, 100)).replicas == 6


def test_members_that_are_still_starting_are_not_asked_for_again() -> None:
    pool = Pool()
    pool.after(15.0, working(100))
    assert pool.replicas == 2
    assert pool.after(60.0, working(100)).replicas == 2


def test_members_that_are_away_count_as_busy_before_fewer_are_asked_for() -> None:
    assert Pool(replicas=4).after(300.0, working(10, 10)).replicas == 3


def test_fewer_are_taken_when_the_whole_stabilisation_wanted_fewer() -> None:
    pool = Pool(replicas=4)
    pool.after(100.0, working(60, 60, 60, 60))
    waiting = pool.after(290.0, working(5, 5, 5, 5))
    assert (waiting.replicas, waiting.reason) == (4, "Stabilizing")
    assert pool.after(20.0, working(5, 5, 5, 5)).replicas == 1


def test_a_single_busy_look_within_the_stabilisation_keeps_what_it_wanted() -> None:
    pool = Pool(replicas=4)
    pool.after(200.0, working(5, 5, 5, 5))
    pool.look(working(40, 40, 40, 40))
    assert pool.after(290.0, working(5, 5, 5, 5)).replicas == 3
    assert pool.after(20.0, working(5, 5, 5)).replicas == 1


def test_without_stabilisation_fewer_are_taken_at_once() -> None:
    policy = replace(POLICY, scale_down_stabilization_seconds=0)
    assert Pool(policy=policy, replicas=4).look(working(5, 5, 5, 5)).replicas == 1


def test_a_start_of_the_operator_takes_no_dispatcher_away_early() -> None:
    pool = Pool(replicas=5)
    assert pool.after(295.0, working(*[1] * 5)).replicas == 5
    assert pool.after(EVERY, working(*[1] * 5)).replicas == 1


@pytest.mark.parametrize("missing", [None, PoolLoad(waiting=50, busy_shards=5)], ids=["nats-away", "no-members"])
def test_without_data_the_number_stays(missing: PoolLoad | None) -> None:
    pool = Pool(replicas=3)
    pool.after(LONG, working(60, 60, 60))
    decision = pool.after(LONG, missing)
    assert (decision.replicas, decision.reason) == (3, "LoadUnknown" if missing is None else "NoMembers")


def test_a_gap_begins_the_stabilisation_anew() -> None:
    pool = Pool(replicas=3)
    pool.after(200.0, working(5, 5, 5))
    pool.now += GAP_SECONDS + 60.0
    assert pool.after(290.0, working(5, 5, 5)).replicas == 3
    assert pool.after(20.0, working(5, 5, 5)).replicas == 1


@pytest.mark.parametrize("load", [None, QUIET, working(100), working(60)])
@pytest.mark.parametrize(("current", "replicas", "reason"), [(0, 2, "BelowMinimum"), (9, 4, "AboveMaximum")])
def test_a_change_of_the_bounds_counts_at_once(load: PoolLoad | None, current: int, replicas: int, reason: str) -> None:
    policy = ScalingPolicy(min_replicas=2, max_replicas=4)
    decision = Pool(policy=policy, replicas=current).look(load)
    assert (decision.replicas, decision.reason) == (replicas, reason)


def test_above_the_maximum_nothing_is_taken_and_the_message_says_how_many_were_wanted() -> None:
    pool = Pool(policy=replace(POLICY, max_replicas=2), replicas=2)
    decision = pool.after(60.0, working(100, 100))
    assert (decision.replicas, decision.reason) == (2, "AtMaximum")
    assert decision.message == (
        "2 dispatchers are at work 100 % of the time on average, the target is 60 %: 4 are wanted, maxReplicas is 2"
    )
