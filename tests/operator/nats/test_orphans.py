"""What is left of objects that are gone: the plan goes at once, the consumer after the grace, in doubt nothing."""

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from jethook_contract import names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.subjects import events_subject
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import Streams, StreamSettings
from jethook_operator.shell.sweep import Sweeper
from tests.fakes.surroundings import World, document, endpoint, endpoint_key, subscription, subscription_key
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component
STREAM = "JETHOOK_EVENTS_shop"
GRACE_SECONDS = 3600.0


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    connected = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    yield connected
    await connected.close()


@pytest.fixture
def world() -> World:
    made = World()
    made.sync()
    return made


def reconciler(client: Client, world: World, *, hold_percent: int = 20) -> Reconciler:
    settings = StreamSettings(
        install_id="test",
        events_max_bytes=32 * 1024 * 1024,
        orphan_grace_seconds=GRACE_SECONDS,
        orphan_hold_percent=hold_percent,
    )
    return Reconciler(client, settings=settings, surroundings=world.surroundings())


async def consumers(client: Client) -> set[str]:
    return {info.name for info in await client.jetstream().consumers_info(STREAM)}


async def parts(client: Client) -> set[str]:
    return set(await (await client.jetstream().key_value(names.plan_bucket("default"))).keys()) - {"pool"}


async def made(client: Client, world: World, *subscriptions: str) -> None:
    """Have Subscriptions in place, then forget them as if they had been deleted while no operator ran."""
    world.put(endpoint(), *(subscription(name, "a") for name in subscriptions))
    work = reconciler(client, world)
    for name in subscriptions:
        await work.reconcile(subscription_key(name))


async def test_a_subscription_deleted_unseen_loses_its_plan_now_and_its_consumer_after_the_grace(
    client: Client, world: World
) -> None:
    await made(client, world, "gone", "kept")
    await client.jetstream().publish(events_subject("shop", "a"), b"")
    world.store.remove(subscription_key("gone"))
    work = reconciler(client, world)
    await work.sweep_orphans()
    assert await parts(client) == {"shop.orders.kept"}
    assert await consumers(client) == {"sub_gone", "sub_kept"}
    world.clock.pass_seconds(GRACE_SECONDS - 1)
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_gone", "sub_kept"}
    world.clock.pass_seconds(1)
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_kept"}
    assert (await client.jetstream().stream_info(STREAM)).state.messages == 1, "sub_kept has its own interest"


async def test_the_grace_starts_anew_for_a_subscription_that_came_back(client: Client, world: World) -> None:
    await made(client, world, "all")
    work = reconciler(client, world)
    world.store.remove(subscription_key())
    await work.sweep_orphans()
    world.put(subscription("all", "a"))
    await work.sweep_orphans()
    assert subscription_key() in world.enqueued
    await work.reconcile(subscription_key())
    world.clock.pass_seconds(2 * GRACE_SECONDS)
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_all"}
    world.store.remove(subscription_key())
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_all"}


async def test_nothing_is_touched_before_every_kind_was_listed(client: Client, world: World) -> None:
    await made(client, world, "all")
    world.store.remove(subscription_key())
    unlisted = World()
    work = reconciler(client, unlisted)
    assert await work.reconcile(subscription_key()) == 1.0
    await work.sweep_orphans()
    unlisted.clock.pass_seconds(2 * GRACE_SECONDS)
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_all"}
    assert await parts(client) == {"shop.orders.all"}


async def test_a_truly_empty_list_removes_no_consumer_before_the_grace(client: Client, world: World) -> None:
    await made(client, world, "one", "two")
    empty = World()
    empty.sync()
    work = reconciler(client, empty)
    await work.sweep_orphans()
    empty.clock.pass_seconds(GRACE_SECONDS - 1)
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_one", "sub_two"}
    empty.clock.pass_seconds(1)
    await work.sweep_orphans()
    with pytest.raises(NotFoundError):
        await client.jetstream().stream_info(STREAM)


async def test_a_removal_of_too_much_at_once_holds_and_says_so(client: Client, world: World) -> None:
    every = [f"sub{number}" for number in range(12)]
    await made(client, world, *every)
    for name in every[:3]:
        world.store.remove(subscription_key(name))
    world.put(document("DispatcherPool", "default", {}))
    work = reconciler(client, world)
    await work.sweep_orphans()
    world.clock.pass_seconds(GRACE_SECONDS)
    await work.sweep_orphans()
    assert len(await consumers(client)) == 12
    assert len(await parts(client)) == 12
    held = [message for _, _, reason, message in world.events.recorded if reason == "OrphansHeld"]
    assert "3 of 12 consumers have no object any more; none was removed, since that is more than 20 %" in held

    await reconciler(client, world, hold_percent=100).sweep_orphans()
    assert len(await consumers(client)) == 9
    assert len(await parts(client)) == 9


async def test_what_another_install_made_stays(client: Client, world: World) -> None:
    await made(client, world, "all")
    await client.jetstream().add_stream(name="JETHOOK_EVENTS_other", subjects=["jethook.events.other.>"])
    await client.jetstream().add_consumer(STREAM, durable_name="sub_theirs", filter_subject="jethook.events.shop.b")
    work = reconciler(client, world)
    await work.sweep_orphans()
    world.clock.pass_seconds(2 * GRACE_SECONDS)
    await work.sweep_orphans()
    assert await consumers(client) == {"sub_all", "sub_theirs"}
    assert (await client.jetstream().stream_info("JETHOOK_EVENTS_other")).config.name == "JETHOOK_EVENTS_other"


async def test_a_consumer_that_somebody_deleted_is_asked_for_again(client: Client, world: World) -> None:
    await made(client, world, "all")
    work = reconciler(client, world)
    await work.reconcile(subscription_key())
    await client.jetstream().delete_consumer(STREAM, "sub_all")
    await work.sweep_orphans()
    assert subscription_key() in world.enqueued
    await work.reconcile(subscription_key())
    assert await consumers(client) == {"sub_all"}


async def test_a_stream_that_somebody_deleted_is_asked_for_again(client: Client, world: World) -> None:
    await made(client, world, "all")
    work = reconciler(client, world)
    await work.reconcile(subscription_key())
    await client.jetstream().delete_stream(STREAM)
    world.enqueued.clear()
    await work.sweep_orphans()
    assert {subscription_key(), endpoint_key()} <= set(world.enqueued)
    await work.reconcile(subscription_key())
    assert await consumers(client) == {"sub_all"}


async def test_a_removal_that_was_cut_off_is_finished(client: Client, world: World) -> None:
    await made(client, world, "gone", "kept")
    await client.jetstream().publish(events_subject("shop", "a"), b"")
    api = JetStreamApi(client)
    await Sweeper(api, streams=Streams(api, settings=StreamSettings(install_id="test"))).detach(STREAM, "gone")
    assert await consumers(client) == {"sweep_gone", "sub_kept"}
    world.store.remove(subscription_key("gone"))
    await reconciler(client, world).sweep_orphans()
    assert await consumers(client) == {"sub_kept"}
