"""What belongs to others is never touched; what is ours follows the settings."""

import pytest
from nats.aio.client import Client

from jethook_contract import names
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import StreamSettings
from tests.fakes.surroundings import (
    World,
    endpoint,
    endpoint_key,
    subscription,
    subscription_key,
)
from tests.operator.nats.reconciling import (
    SETTINGS,
    STREAM,
    settle,
)

pytestmark = pytest.mark.component


async def test_another_installs_stream_is_never_touched(client: Client, world: World, reconciler: Reconciler) -> None:
    await client.jetstream().add_stream(name=STREAM, subjects=["jethook.events.shop.>"])
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key(), endpoint_key())
    assert world.status.ready(subscription_key()) == ("False", "OtherInstall")
    assert world.status.condition(subscription_key(), "Stalled") is not None
    assert (await client.jetstream().stream_info(STREAM)).config.metadata.keys().isdisjoint({names.METADATA_INSTALL_ID})
    assert await client.jetstream().consumers_info(STREAM) == []


async def test_another_installs_consumer_is_never_touched(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("first", "a"))
    await settle(reconciler, subscription_key("first"))
    other = await client.jetstream().add_consumer(
        STREAM, durable_name="sub_all", filter_subject="jethook.events.shop.a"
    )
    world.put(subscription("all", "a"))
    fresh = Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())
    await settle(fresh, subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "OtherInstall")
    found = await client.jetstream().consumer_info(STREAM, "sub_all")
    assert found.config.filter_subject == other.config.filter_subject


async def test_changed_settings_reach_a_stream_that_exists(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    larger = StreamSettings(install_id="test", events_max_bytes=32 * 1024 * 1024)
    await settle(Reconciler(client, settings=larger, surroundings=world.surroundings()), subscription_key())
    assert (await client.jetstream().stream_info(STREAM)).config.max_bytes == 32 * 1024 * 1024


async def test_a_bucket_that_a_dispatcher_made_first_is_adopted(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    js = client.jetstream()
    members = await js.create_key_value(bucket="jethook-members-default", history=1)
    await members.put("lease.one", b"{}")
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    assert world.status.ready(subscription_key()) == ("True", "Programmed")
    stream = await js.stream_info("KV_jethook-members-default")
    assert (stream.config.metadata or {})[names.METADATA_INSTALL_ID] == "test"
    assert (await members.get("lease.one")).value == b"{}"
