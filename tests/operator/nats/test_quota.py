"""The room of a namespace's events follows what the platform writes on it."""

import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from jethook_contract.errors import Unavailable
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import World, endpoint, subscription, subscription_key
from tests.operator.nats.reconciling import SETTINGS, STREAM, publish, settle

pytestmark = pytest.mark.component

MEBIBYTE = 1024 * 1024
KIB_64 = b"x" * 65_536


async def _room(client: Client) -> int | None:
    return (await client.jetstream().stream_info(STREAM)).config.max_bytes


async def _held(client: Client) -> int:
    return (await client.jetstream().stream_info(STREAM)).state.messages


async def test_the_annotation_sets_the_room_and_its_removal_gives_the_default_back(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    rooms = []
    for annotation in (None, "8Mi", "2Mi", "128Mi", None):
        world.store.set_events_quota("shop", annotation)
        await settle(reconciler, subscription_key())
        rooms.append(await _room(client))
    assert rooms == [SETTINGS.events_max_bytes, 8 * MEBIBYTE, 2 * MEBIBYTE, 128 * MEBIBYTE, SETTINGS.events_max_bytes]


async def test_shrinking_below_what_waits_evicts_nothing_and_refuses_publishers(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    await publish(client, "com.example.order.made", 48, body=KIB_64)
    world.store.set_events_quota("shop", "1Mi")
    await settle(reconciler, subscription_key())
    assert (await _room(client), await _held(client)) == (MEBIBYTE, 48)
    assert world.status.ready(subscription_key()) == ("True", "Programmed")
    with pytest.raises(APIError, match="maximum bytes exceeded"):
        await publish(client, "com.example.order.made", body=KIB_64)
    world.store.set_events_quota("shop", "8Mi")
    await settle(reconciler, subscription_key())
    await publish(client, "com.example.order.made", body=KIB_64)
    assert await _held(client) == 49


async def test_a_size_that_nats_has_no_room_for_says_so_and_leaves_the_stream(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    world.store.set_events_quota("shop", "1Ti")
    with pytest.raises(Unavailable):
        await reconciler.reconcile(subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "NoQuota")
    condition = world.status.condition(subscription_key(), "Ready")
    assert condition is not None
    assert STREAM in condition.message
    assert await _room(client) == SETTINGS.events_max_bytes


async def test_a_size_that_cannot_be_read_stalls_and_changes_nothing(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    world.store.set_events_quota("shop", "lots")
    await settle(reconciler, subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "BadQuota")
    assert world.status.condition(subscription_key(), "Stalled") is not None
    assert await _room(client) == SETTINGS.events_max_bytes
    world.store.set_events_quota("shop", "8Mi")
    await settle(reconciler, subscription_key())
    assert world.status.ready(subscription_key()) == ("True", "Programmed")
