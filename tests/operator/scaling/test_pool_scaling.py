"""Scaling decisions on a real nats-server with real dispatchers: what waits, where, and how busy they are."""

import asyncio
from collections.abc import Callable

import pytest

from hack.ports import free_port
from jethook_operator.core.scaling import PoolLoad
from jethook_operator.shell.pool_load_members import PoolMembers
from tests.dispatcher.lanes.processes import Process
from tests.fixtures.behaviours import hanging
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver
from tests.operator.scaling.scaled_pool import POOL_KEY, ScaledPool

pytestmark = pytest.mark.component

Dispatchers = Callable[[str], Process]


async def seen(pool: ScaledPool, wanted: Callable[[PoolLoad], bool], *, seconds: float = 40.0) -> PoolLoad:
    """Look until the load is so."""

    async def probe() -> PoolLoad | None:
        load = await pool.load()
        return load if wanted(load) else None

    return await eventually(probe, seconds=seconds, every_seconds=0.3)


async def test_more_load_takes_more_dispatchers_and_the_queue_is_told(
    pool: ScaledPool, dispatchers: Dispatchers, receiver: Receiver
) -> None:
    names = [f"e{number}" for number in range(8)]
    await pool.lay(dict.fromkeys(names, receiver.url), pool={"scaling": {"targetUtilizationPercent": 10}})
    dispatchers("a")
    assert pool.scale(current=1).replicas == 1
    pool.publish_on(names, each_second=800)
    decision = await eventually(lambda: one if (one := pool.desired()).replicas > 1 else None, seconds=60)
    assert (decision.replicas, decision.reason) == (2, "UtilizationHigh")
    assert POOL_KEY in pool.world.enqueued
    assert receiver.requests


async def test_backlog_behind_a_dead_endpoint_is_not_deliverable(pool: ScaledPool, dispatchers: Dispatchers) -> None:
    breaker = {"minRequests": 5, "openSeconds": 60}
    await pool.lay({"dead": f"http://127.0.0.1:{free_port()}/"}, circuitBreaker=breaker)
    dispatchers("a")
    pool.scale(current=1)
    await pool.publish("dead", 500)
    await seen(pool, lambda load: bool(load.utilization_percents) and load.waiting > 300 and load.gated == load.waiting)
    for _ in range(24):
        await asyncio.sleep(1.0)
        load = await pool.load()
        assert (load.deliverable, load.lagging_shards) == (0, 0)
    assert pool.desired().replicas == 1


async def test_backlog_behind_a_rate_limit_is_not_deliverable(
    pool: ScaledPool, dispatchers: Dispatchers, receiver: Receiver
) -> None:
    await pool.lay({"slow": receiver.url}, limits={"requestsPerSecond": 1, "burst": 1})
    dispatchers("a")
    pool.scale(current=1)
    await pool.publish("slow", 500)
    await seen(pool, lambda load: bool(load.utilization_percents) and load.waiting > 400 and load.gated == load.waiting)
    for _ in range(24):
        await asyncio.sleep(1.0)
        assert (await pool.load()).deliverable == 0, "a limit that does not show in a report holds all the same"
    assert pool.desired().replicas == 1
    assert receiver.requests


async def test_backlog_behind_a_hung_endpoint_is_not_deliverable(
    pool: ScaledPool, dispatchers: Dispatchers, receiver: Receiver
) -> None:
    receiver.behaviour = hanging()
    await pool.lay({"hung": receiver.url}, timeoutSeconds=60, limits={"maxInFlight": 5})
    dispatchers("a")
    await pool.publish("hung", 500)
    load = await seen(pool, lambda load: load.waiting > 400 and load.gated == load.waiting and load.in_flight >= 5)
    assert load.lagging_shards == 0


async def test_from_none_the_first_dispatcher_is_asked_for_when_an_event_is_published(pool: ScaledPool) -> None:
    await pool.lay({"one": "http://127.0.0.1:9/", "off": "http://127.0.0.1:9/"}, pool={"minReplicas": 0})
    await pool.suspend("off")
    assert pool.scale(current=None).replicas == 0
    await pool.publish("off", 3)
    await asyncio.sleep(2)
    assert pool.desired().replicas == 0, "what waits for a suspended Subscription is no reason"
    await pool.publish("one", 1)
    decision = await eventually(lambda: one if (one := pool.desired()).replicas else None, seconds=5)
    assert (decision.replicas, decision.reason, decision.message) == (1, "EventsWait", "events wait: 1")


async def test_the_last_dispatcher_goes_when_all_is_delivered_and_idle(
    pool: ScaledPool, dispatchers: Dispatchers, receiver: Receiver
) -> None:
    await pool.lay({"one": receiver.url}, pool={"minReplicas": 0, "scaling": {"idleSeconds": 10}})
    dispatchers("a")
    assert pool.scale(current=1).replicas == 1
    await pool.publish("one", 5)
    await seen(pool, lambda load: not load.undelivered and bool(load.utilization_percents))
    assert pool.desired().replicas == 1
    decision = await eventually(lambda: one if (one := pool.desired()).replicas == 0 else None, seconds=30)
    assert decision.reason == "Idle"
    assert len(receiver.requests) == 5


async def test_a_member_owns_its_shards_and_is_none_when_its_lease_does_not_move(
    pool: ScaledPool, dispatchers: Dispatchers
) -> None:
    await pool.lay({"one": "http://127.0.0.1:9/"})
    process = dispatchers("a")
    await seen(pool, lambda load: len(load.utilization_percents) == 1)
    members = PoolMembers(pool.client, pool="default")

    async def owned() -> bool:
        return await members.owners([0, 100, 255]) == dict.fromkeys([0, 100, 255], "a")

    assert await eventually(owned)
    process.kill()
    await seen(pool, lambda load: not load.utilization_percents, seconds=20)
    pool.loads.forget()
    assert (await pool.load()).utilization_percents == ()
