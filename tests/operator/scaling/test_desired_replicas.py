"""What the reconciler of a pool is told, and when: `PoolScaling` on loads that a test gives."""

from dataclasses import replace
from typing import Any

import pytest

from jethook_contract.errors import Unavailable
from jethook_operator.core import metric_families
from jethook_operator.core.scaling import PoolLoad
from jethook_operator.shell.pool_scaling import PoolScaling
from tests.fakes.surroundings import OPERATOR_NAMESPACE, World, document
from tests.operator.scaling.scaled_pool import POOL_KEY

STEADY = PoolLoad(utilization_percents=(60,), busy_shards=50, handed_out=100)
HIGH = replace(STEADY, utilization_percents=(100,))


class GivenLoads:
    """Loads as a test says, in place of NATS."""

    def __init__(self) -> None:
        self.given: PoolLoad | None = STEADY
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1
        if self.given is None:
            raise Unavailable("NATSUnreachable", "NATS does not answer; trying again")

    async def of(self, pool: str, *, target_percent: int) -> PoolLoad:
        assert (pool, target_percent) == ("default", 60)
        assert self.given is not None
        return self.given

    def forget(self) -> None:
        self.looks = 0


class Operator:
    """The loop, with a clock that a test moves."""

    def __init__(self) -> None:
        self.world = World()
        self.world.sync()
        self.loads = GivenLoads()
        self.now = 1000.0
        self.scaling = PoolScaling(
            self.loads,
            reader=self.world.store,
            namespace=OPERATOR_NAMESPACE,
            enqueue=self.world.enqueued.append,
            monotonic=lambda: self.now,
        )

    def lay(self, status: dict[str, Any] | None = None, **spec: Any) -> None:
        pool = document("DispatcherPool", "default", spec)
        self.world.put({**pool, "status": {"scaling": status}} if status else pool)

    async def pass_seconds(self, seconds: float) -> None:
        """Look every five seconds for so long."""
        for _ in range(round(seconds / 5)):
            self.now += 5
            await self.scaling.look()

    def desired(self, current: int | None = None) -> tuple[int, str] | None:
        decision = self.scaling.desired("default", current=current)
        return None if decision is None else (decision.replicas, decision.reason)


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.mark.parametrize(
    ("spec", "current", "replicas"),
    [
        ({}, None, 1),
        ({"minReplicas": 0}, None, 0),
        ({"minReplicas": 2}, None, 2),
        ({}, 3, 3),
        ({"minReplicas": 0}, 0, 0),
        ({}, 0, 1),
        ({}, 7, 3),
    ],
)
async def test_a_start_goes_on_with_what_runs_and_a_new_pool_begins_with_the_minimum(
    operator: Operator, spec: dict[str, Any], current: int | None, replicas: int
) -> None:
    operator.lay(**spec)
    decision = operator.scaling.desired("default", current=current)
    assert decision is not None
    assert decision.replicas == replicas


async def test_what_runs_counts_once_so_that_drift_is_put_right(operator: Operator) -> None:
    operator.lay()
    assert operator.desired(current=2) == (2, "LoadUnknown")
    assert operator.desired(current=5) == (2, "LoadUnknown")


async def test_a_start_keeps_the_words_of_the_status_that_are_about_this_number(operator: Operator) -> None:
    told = {"desiredReplicas": 2, "reason": "WithinTolerance", "message": "as ever", "utilizationPercent": 58}
    operator.lay(status=told)
    assert operator.desired(current=2) == (2, "WithinTolerance")
    operator.loads.given = replace(STEADY, utilization_percents=(60, 61))
    await operator.pass_seconds(280)
    assert operator.world.enqueued == [], "a restart writes nothing"


async def test_a_start_forgets_the_words_about_another_number(operator: Operator) -> None:
    operator.lay(status={"desiredReplicas": 3, "reason": "UtilizationHigh", "message": "as ever"})
    assert operator.desired(current=2) == (2, "LoadUnknown")


async def test_a_decision_is_told_to_the_queue_and_stays(operator: Operator) -> None:
    operator.lay()
    operator.desired(current=1)
    operator.loads.given = HIGH
    await operator.pass_seconds(15)
    assert operator.world.enqueued == [POOL_KEY]
    assert operator.desired() == (2, "UtilizationHigh")
    assert operator.desired() == (2, "UtilizationHigh")


async def test_the_words_alone_change_at_most_once_a_minute(operator: Operator) -> None:
    operator.lay(maxReplicas=1)
    operator.desired(current=1)
    for second in range(0, 600, 5):
        operator.loads.given = HIGH if second % 10 else STEADY
        await operator.pass_seconds(5)
    assert 5 <= len(operator.world.enqueued) <= 10


async def test_small_changes_of_the_load_are_not_told(operator: Operator) -> None:
    operator.lay()
    operator.desired(current=1)
    await operator.pass_seconds(120)
    assert len(operator.world.enqueued) == 1
    for second in range(120):
        operator.loads.given = replace(STEADY, utilization_percents=(57 + second % 7,))
        await operator.pass_seconds(5)
    assert len(operator.world.enqueued) == 1


async def test_while_nats_is_away_the_number_stays(operator: Operator) -> None:
    operator.lay(minReplicas=0)
    operator.desired(current=3)
    operator.loads.given = None
    await operator.pass_seconds(900)
    assert operator.desired() == (3, "LoadUnknown")


async def test_a_change_of_the_bounds_counts_at_once(operator: Operator) -> None:
    operator.lay(maxReplicas=5)
    operator.desired(current=5)
    operator.lay(maxReplicas=2)
    assert operator.desired() == (2, "AboveMaximum")
    operator.lay(minReplicas=4, maxReplicas=6)
    assert operator.desired() == (4, "BelowMinimum")


async def test_external_is_not_decided_and_still_measured(operator: Operator) -> None:
    operator.lay(scaling={"mode": "External"}, replicas=2)
    assert operator.desired(current=2) is None
    operator.loads.given = HIGH
    await operator.pass_seconds(60)
    assert operator.desired(current=2) is None
    assert operator.world.enqueued == []
    values = operator.scaling.readings
    assert values[metric_families.POOL_UTILIZATION]() == {("default",): 1.0}
    assert values[metric_families.POOL_DESIRED]() == {}


async def test_builtin_after_external_begins_with_what_runs(operator: Operator) -> None:
    operator.lay()
    operator.desired(current=1)
    operator.lay(scaling={"mode": "External"}, replicas=3)
    assert operator.desired(current=3) is None
    operator.lay()
    assert operator.desired(current=3) == (3, "LoadUnknown")


async def test_nothing_is_decided_before_the_reconciler_has_asked(operator: Operator) -> None:
    operator.lay()
    operator.loads.given = HIGH
    await operator.pass_seconds(60)
    assert operator.world.enqueued == []


async def test_a_pool_that_is_gone_has_no_metrics(operator: Operator) -> None:
    operator.lay()
    operator.desired(current=1)
    await operator.pass_seconds(5)
    values = operator.scaling.readings
    assert values[metric_families.POOL_DESIRED]() == {("default",): 1}
    assert values[metric_families.POOL_DELIVERABLE]() == {("default",): 0}
    operator.world.store.remove(POOL_KEY)
    assert operator.desired() is None
    await operator.pass_seconds(5)
    assert all(values[family]() == {} for family in values)


async def test_without_pools_nats_is_not_asked(operator: Operator) -> None:
    await operator.pass_seconds(30)
    assert operator.loads.looks == 0
