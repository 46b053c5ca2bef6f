"""Changed event types lose nothing that waits."""

import pytest
from nats.aio.client import Client

from jethook_contract import names
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import (
    World,
    endpoint,
    subscription,
    subscription_key,
)
from tests.fixtures.poll import eventually
from tests.operator.nats.reconciling import (
    STREAM,
    fetched,
    keys_of,
    part_of,
    publish,
    settle,
)

pytestmark = pytest.mark.component


async def test_narrowed_event_types_with_a_backlog_lose_nothing(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a", "b"))
    await settle(reconciler, subscription_key())
    await publish(client, "a", 3)
    await publish(client, "b", 3)
    world.put(subscription("all", "a"))
    assert await reconciler.reconcile(subscription_key()) == 5.0
    part = await part_of(client)
    assert [(one.filter_subject, one.last_sequence) for one in part.retired] == [("jethook.events.shop.b", 6)]
    assert "jethook.events.shop.b" not in part.filters
    await reconciler.reconcile(subscription_key())
    assert await fetched(client) == ["a", "a", "a", "b", "b", "b"]

    assert await reconciler.reconcile(subscription_key()) is None
    consumer = await client.jetstream().consumer_info(STREAM, "sub_all")
    assert consumer.config.filter_subjects == ["jethook.direct.shop.all", "jethook.events.shop.a"]
    assert (await part_of(client)).retired == ()
    await publish(client, "b")
    assert await fetched(client) == []


async def test_a_repaired_typo_loses_nothing(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("all", "order.made"))
    await settle(reconciler, subscription_key())
    await publish(client, "order.made", 2)
    world.put(subscription("all", "oder.made"))
    await settle(reconciler, subscription_key(), subscription_key())
    world.put(subscription("all", "order.made"))
    await settle(reconciler, subscription_key(), subscription_key())
    part = await part_of(client)
    assert [one.filter_subject for one in part.retired] == ["jethook.events.shop.oder.made"]
    await publish(client, "order.made", 1)
    assert await fetched(client) == ["order.made"] * 3
    assert await reconciler.reconcile(subscription_key()) is None
    assert (await part_of(client)).retired == ()


async def test_a_widened_consumer_keeps_its_delayed_naks(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    await publish(client, "a", 2)
    pull = await client.jetstream().pull_subscribe_bind("sub_all", stream=STREAM)
    for message in await pull.fetch(2):
        await message.nak(delay=1)
    world.put(subscription("all", "a", "b"))
    await settle(reconciler, subscription_key())
    await publish(client, "b")
    seen: list[str] = []

    async def three() -> bool:
        seen.extend(await fetched(client))
        return len(seen) == 3

    await eventually(three, seconds=10)
    assert sorted(seen) == ["a", "a", "b"]


async def test_a_recreated_subscription_goes_on_with_its_backlog(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    await publish(client, "a", 2)
    world.store.remove(subscription_key())
    await settle(reconciler, subscription_key())
    assert await keys_of(client) == {"pool"}
    metadata = (await client.jetstream().consumer_info(STREAM, "sub_all")).config.metadata or {}
    assert metadata[names.METADATA_ORPHANED_AT] == "2026-11-24T10:00:00+00:00"
    await publish(client, "a", 1)

    recreated = subscription("all", "a")
    recreated["metadata"]["uid"] = "another"
    world.put(recreated)
    await settle(reconciler, subscription_key())
    metadata = (await client.jetstream().consumer_info(STREAM, "sub_all")).config.metadata or {}
    assert names.METADATA_ORPHANED_AT not in metadata
    assert metadata[names.METADATA_UID] == "another"
    assert await fetched(client) == ["a", "a", "a"]
