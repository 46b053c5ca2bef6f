"""The plan watch tells every part once the pool's rules are known, and what changed while NATS was away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.js.api import KeyValueConfig

from jethook_contract import names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.plan import ObjectId, PlanPart, PoolPlan
from jethook_dispatcher.shell.plan import PlanEntry, PlanWatch
from tests.dispatcher.lanes.world import World
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

POOL = PoolPlan(pool="default", allowed_cidrs=("127.0.0.0/8",))
BUCKET = names.plan_bucket("default")


class Told:
    """Keep what the watch tells."""

    def __init__(self) -> None:
        self.parts: dict[str, PlanEntry | None] = {}
        self.calls = 0
        self.pools: list[PoolPlan] = []
        self.cut_off = False

    async def part(self, key: str, entry: PlanEntry | None) -> None:
        if self.cut_off:
            self.cut_off = False
            raise TimeoutError
        self.parts[key] = entry
        self.calls += 1


def a_part(subscription: str) -> PlanPart:
    return PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="orders"),
        subscription=ObjectId(name=subscription),
        state="Suspended",
        stream="S",
        consumer="c",
    )


def key_of(subscription: str) -> str:
    return names.plan_key("shop", "orders", subscription)


@pytest.fixture
async def bare(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[tuple[World, Told]]:
    """Run a watch on a server that holds nothing."""
    hooks = ConnectionHooks()
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=hooks)
    world, told = World(client, keys_file=tmp_path / "keys"), Told()
    watch = PlanWatch(world.js, pool="default", keys=world.ring, on_part=told.part, on_pool=told.pools.append)
    hooks.reconnected.append(watch.reconnected)
    running = asyncio.create_task(watch.run())
    yield world, told
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await client.close()


async def test_no_part_is_told_before_the_pools_rules(bare: tuple[World, Told]) -> None:
    world, told = bare
    bucket = await world.js.create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
    await bucket.put(key_of("early"), a_part("early").encode())
    await bucket.put("pool", b"not a plan")
    await bucket.put("pool", POOL.encode())
    await eventually(lambda: key_of("early") in told.parts)
    assert told.pools == [POOL]
    await bucket.put(key_of("late"), a_part("late").encode())
    await eventually(lambda: key_of("late") in told.parts)


async def test_parts_wait_for_the_pool_key(bare: tuple[World, Told]) -> None:
    world, told = bare
    bucket = await world.js.create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
    await bucket.put(key_of("early"), a_part("early").encode())

    async def watched() -> bool:
        return (await world.js.stream_info(f"KV_{BUCKET}")).state.consumer_count == 1

    await eventually(watched)
    assert told.parts == {}


async def test_a_part_that_cannot_be_read_is_told_with_its_fault(bare: tuple[World, Told]) -> None:
    world, told = bare
    bucket = await world.js.create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
    await bucket.put("pool", POOL.encode())
    await bucket.put(key_of("garbled"), b"{")
    await bucket.put(key_of("sealed"), a_part("sealed").model_copy(update={"sealed": "foreign"}).encode())
    await eventually(lambda: len(told.parts) == 2)
    faults = {key: entry.fault.reason for key, entry in told.parts.items() if entry and entry.fault}
    assert faults == {key_of("garbled"): "BadRecord", key_of("sealed"): "BadPlanKey"}


@pytest.mark.parametrize("change", ["put", "delete"])
async def test_a_change_is_seen_soon_after_a_restart_of_nats(
    bare: tuple[World, Told], nats_server: NatsServer, change: str
) -> None:
    world, told = bare
    bucket = await world.js.create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
    await bucket.put("pool", POOL.encode())
    await bucket.put(key_of("kept"), a_part("kept").encode())
    await eventually(lambda: key_of("kept") in told.parts)
    await nats_server.away(0.2)
    await eventually(lambda: world.client.is_connected)
    wanted: Callable[[], bool]
    if change == "put":
        await bucket.put(key_of("new"), a_part("new").encode())
        wanted = lambda: key_of("new") in told.parts  # noqa: E731 -- two probes of one wait
    else:
        await bucket.delete(key_of("kept"))
        wanted = lambda: told.parts[key_of("kept")] is None  # noqa: E731
    await eventually(wanted, seconds=8)


async def test_an_unchanged_part_is_not_told_again_after_a_restart(
    bare: tuple[World, Told], nats_server: NatsServer
) -> None:
    world, told = bare
    bucket = await world.js.create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
    await bucket.put("pool", POOL.encode())
    await bucket.put(key_of("same"), a_part("same").encode())
    await eventually(lambda: told.calls == 1)
    await nats_server.away(0.2)
    await eventually(lambda: len(told.pools) >= 2)
    await bucket.put(key_of("marker"), a_part("marker").encode())
    await eventually(lambda: key_of("marker") in told.parts)
    assert told.calls == 2


async def test_a_part_whose_telling_was_cut_off_is_told_again(bare: tuple[World, Told]) -> None:
    world, told = bare
    bucket = await world.js.create_key_value(KeyValueConfig(bucket=BUCKET, history=1))
    await bucket.put("pool", POOL.encode())
    await eventually(lambda: told.pools)
    told.cut_off = True
    await bucket.put(key_of("late"), a_part("late").encode())
    found = await eventually(lambda: told.parts.get(key_of("late")))
    assert found.part == a_part("late")
    assert not told.cut_off
