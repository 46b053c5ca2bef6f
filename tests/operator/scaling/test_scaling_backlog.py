"""What waits, and what of it makes the pool larger; the last dispatcher and the first."""

from dataclasses import replace

import pytest

from jethook_operator.core.scaling import PoolLoad, ScalingPolicy
from tests.operator.scaling.test_scaling import BUSY, EVERY, LONG, POLICY, Pool, working

TO_ZERO = replace(POLICY, min_replicas=0, idle_seconds=60.0)
IDLE = PoolLoad(utilization_percents=(1,))
LAGS = replace(BUSY, utilization_percents=(50, 50), waiting=100_000, lagging=100_000, lagging_shards=50)


def test_a_backlog_that_could_be_delivered_takes_one_more_each_half_minute() -> None:
    pool = Pool(replicas=2)
    assert pool.after(25.0, LAGS).replicas == 2
    decision = pool.after(EVERY, LAGS)
    assert (decision.replicas, decision.reason) == (3, "BacklogLasts")
    assert "100000 events wait that could be delivered now" in decision.message
    assert pool.after(25.0, LAGS).replicas == 3
    assert pool.after(EVERY, LAGS).replicas == 4


@pytest.mark.parametrize(
    "load",
    [
        replace(LAGS, lagging=99),
        replace(LAGS, lagging=0, lagging_shards=0),
        replace(LAGS, lagging_shards=2),
        replace(LAGS, lagging_shards=1),
    ],
    ids=["little", "gated-or-worked-off-soon", "two-shards", "one-hot-endpoint"],
)
def test_a_backlog_that_another_dispatcher_cannot_help_takes_none(load: PoolLoad) -> None:
    assert Pool(replicas=2).after(LONG, load).replicas == 2


def test_a_backlog_that_comes_and_goes_takes_none() -> None:
    pool = Pool(replicas=2)
    for _ in range(50):
        assert pool.after(20.0, LAGS).replicas == 2
        assert pool.after(EVERY, working(50, 50)).replicas == 2


def test_a_backlog_that_lasts_keeps_what_is_there() -> None:
    pool = Pool(replicas=3)
    load = replace(LAGS, utilization_percents=(5, 5, 5), lagging_shards=3)
    assert pool.after(LONG, load).replicas == 3


def test_one_hot_endpoint_takes_no_second_dispatcher() -> None:
    decision = Pool().after(LONG, replace(working(100), busy_shards=1))
    assert (decision.replicas, decision.reason) == (1, "FewBusyEndpoints")
    assert "busy shards, each served by one dispatcher: 1" in decision.message


@pytest.mark.parametrize("load", [PoolLoad(waiting=1), PoolLoad(in_flight=1), PoolLoad(waiting=1, gated=1)])
def test_the_first_dispatcher_comes_as_soon_as_anything_waits(load: PoolLoad) -> None:
    pool = Pool(policy=TO_ZERO, replicas=0)
    assert pool.look(PoolLoad()).reason == "Idle"
    decision = pool.look(load)
    assert (decision.replicas, decision.reason, decision.message) == (1, "EventsWait", "events wait: 1")


def test_the_last_dispatcher_goes_when_nothing_was_to_do_for_long_enough() -> None:
    pool = Pool(policy=TO_ZERO)
    assert pool.after(55.0, IDLE).replicas == 1
    decision = pool.after(EVERY, IDLE)
    assert (decision.replicas, decision.reason) == (0, "Idle")


@pytest.mark.parametrize(
    "work",
    [
        replace(IDLE, waiting=1),
        replace(IDLE, waiting=1, gated=1),
        replace(IDLE, in_flight=1),
        replace(IDLE, handed_out=1),
    ],
    ids=["waiting", "behind-a-dead-endpoint", "in-back-off", "delivered-meanwhile"],
)
def test_any_work_begins_the_idle_time_anew(work: PoolLoad) -> None:
    pool = Pool(policy=TO_ZERO)
    pool.after(50.0, IDLE)
    pool.look(work)
    pool.now += EVERY
    assert pool.after(55.0, IDLE).replicas == 1
    assert pool.after(EVERY, IDLE).replicas == 0


def test_with_a_minimum_of_one_the_last_dispatcher_stays() -> None:
    assert Pool(policy=replace(TO_ZERO, min_replicas=1)).after(LONG, IDLE).replicas == 1


def test_outages_are_no_idle_time() -> None:
    pool = Pool(policy=TO_ZERO)
    pool.after(50.0, IDLE)
    pool.after(120.0, None)
    assert pool.after(55.0, IDLE).replicas == 1


def test_a_policy_of_its_own_has_the_defaults_of_the_resource() -> None:
    assert ScalingPolicy() == ScalingPolicy(
        min_replicas=1,
        max_replicas=3,
        target_utilization_percent=60,
        idle_seconds=300.0,
        scale_down_stabilization_seconds=300.0,
    )
