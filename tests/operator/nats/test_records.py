"""Records of dispatchers go when their objects are gone for good, and never before."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_contract import names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.gate import gate_key
from jethook_contract.status import status_key
from jethook_operator.core.resources import Key
from jethook_operator.shell import records
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import StreamSettings
from tests.fakes.surroundings import World, document, endpoint, endpoint_key, subscription, subscription_key
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component
GRACE_SECONDS = 3600.0
RETRIES, STATUS = names.retries_bucket("default"), names.status_bucket("default")


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    connected = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    yield connected
    await connected.close()


@pytest.fixture
def world() -> World:
    made = World()
    made.clock.now = datetime.now(UTC)  # the age of a record is told by the server's clock
    made.sync()
    return made


def reconciler(client: Client, world: World) -> Reconciler:
    settings = StreamSettings(
        install_id="test",
        events_max_bytes=32 * 1024 * 1024,
        orphan_grace_seconds=GRACE_SECONDS,
        orphan_hold_percent=100,
    )
    return Reconciler(client, settings=settings, surroundings=world.surroundings())


async def made(client: Client, world: World, *subscriptions: str) -> Reconciler:
    """Have Subscriptions of one endpoint in place, with the records that a dispatcher writes."""
    world.put(endpoint(), *(subscription(name, "a") for name in subscriptions))
    work = reconciler(client, world)
    for name in subscriptions:
        await work.reconcile(subscription_key(name))
        await put(client, RETRIES, f"shop.{name}")
        await put(client, STATUS, status_key("Subscription", "shop", name))
    await put(client, STATUS, status_key("WebhookEndpoint", "shop", "orders"))
    return work


async def put(client: Client, bucket: str, *keys: str) -> None:
    kv = await client.jetstream().key_value(bucket)
    for key in keys:
        await kv.put(key, json.dumps({}).encode())


async def kept(client: Client, bucket: str) -> set[str]:
    """Name all that the bucket's stream holds, markers of removed keys too."""
    info = await client.jetstream().stream_info(f"KV_{bucket}", subjects_filter=">")
    return {subject.removeprefix(f"$KV.{bucket}.") for subject in info.state.subjects or {}}


async def test_attempt_counts_and_reports_of_a_subscription_go_with_its_consumer(client: Client, world: World) -> None:
    work = await made(client, world, "gone", "kept")
    world.store.remove(subscription_key("gone"))
    await work.sweep_orphans()
    world.clock.pass_seconds(GRACE_SECONDS - 1)
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.gone", "shop.kept"}, "a namesake would go on with them"
    world.clock.pass_seconds(1)
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.kept"}
    assert await kept(client, STATUS) == {"subscription.shop.kept", "endpoint.shop.orders"}


async def test_the_report_of_an_endpoint_goes_after_the_grace_when_no_plan_names_it(
    client: Client, world: World
) -> None:
    work = await made(client, world, "all")
    world.store.remove(endpoint_key())
    await work.reconcile(subscription_key())
    world.clock.pass_seconds(2 * GRACE_SECONDS)
    await work.sweep_orphans()
    assert "endpoint.shop.orders" in await kept(client, STATUS), "its Subscription still refers to it"
    world.store.remove(subscription_key())
    await work.reconcile(subscription_key())
    await put(client, STATUS, "endpoint.shop.fresh")
    world.clock.now = datetime.now(UTC)
    await work.sweep_orphans()
    assert {"endpoint.shop.orders", "endpoint.shop.fresh"} <= await kept(client, STATUS), "written within the grace"
    world.clock.pass_seconds(GRACE_SECONDS)
    await work.sweep_orphans()
    assert [key for key in await kept(client, STATUS) if key.startswith("endpoint.")] == []


async def test_an_interrupted_removal_is_finished_in_every_pool(client: Client, world: World) -> None:
    work = await made(client, world, "kept")
    world.put(document("DispatcherPool", "eu", {}))
    await work.reconcile(Key("DispatcherPool", "jethook-system", "eu"))
    eu, theirs = names.retries_bucket("eu"), names.retries_bucket("theirs")
    await client.jetstream().create_key_value(bucket=theirs)
    await put(client, eu, "shop.long-gone")
    await put(client, theirs, "shop.long-gone")
    await put(client, RETRIES, "shop.long-gone", "elsewhere.all", "no-key-of-ours")
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.kept", "no-key-of-ours"}
    assert await kept(client, eu) == set()
    assert await kept(client, theirs) == {"shop.long-gone"}, "it has not this installation's id"


async def test_nothing_goes_before_everything_was_listed(client: Client, world: World) -> None:
    await made(client, world, "all")
    await put(client, RETRIES, "shop.gone")
    unlisted = World()
    unlisted.clock.now = datetime.now(UTC)
    unlisted.clock.pass_seconds(2 * GRACE_SECONDS)
    work = reconciler(client, unlisted)
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.all", "shop.gone"}
    unlisted.sync()
    unlisted.put(endpoint(), subscription("all", "a"))
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.all"}


async def test_one_look_removes_a_bounded_number(client: Client, world: World) -> None:
    work = await made(client, world, "all")
    count = records.MAX_REMOVALS + 2
    await put(client, RETRIES, *(f"shop.gone{number}" for number in range(count)))
    await work.sweep_orphans()
    assert len(await kept(client, RETRIES)) == 1 + count - records.MAX_REMOVALS
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.all"}


async def test_one_look_asks_a_bounded_number_of_questions(client: Client, world: World) -> None:
    work = await made(client, world, "all")
    await put(client, STATUS, *(f"endpoint.shop.gone{number}" for number in range(records.MAX_REMOVALS + 2)))
    asked: list[str] = []

    async def note(message: Msg) -> None:
        asked.append(message.subject)

    await client.subscribe("$JS.API.STREAM.MSG.GET.>", cb=note)
    await work.sweep_orphans()
    await client.flush()
    assert len(asked) == records.MAX_REMOVALS
    world.clock.pass_seconds(2 * GRACE_SECONDS)
    for _ in range(2):
        await work.sweep_orphans()
    assert await kept(client, STATUS) == {"subscription.shop.all", "endpoint.shop.orders"}


async def test_the_gate_of_an_endpoint_goes_when_it_is_gone_past_the_grace(client: Client, world: World) -> None:
    work = await made(client, world, "all")
    await put(client, RETRIES, gate_key("shop", "orders"), gate_key("shop", "gone"))
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.all", "shop.orders.gate", "shop.gone.gate"}
    world.clock.pass_seconds(2 * GRACE_SECONDS)
    await work.sweep_orphans()
    assert await kept(client, RETRIES) == {"shop.all", "shop.orders.gate"}
