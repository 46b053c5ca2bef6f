"""A full, a small and an absent NATS."""

import shutil
from pathlib import Path

import nats.js.errors
import pytest
from nats.aio.client import Client

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.errors import Unavailable
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import StreamSettings
from tests.fakes.surroundings import (
    World,
    endpoint,
    endpoint_key,
    subscription,
    subscription_key,
)
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.nats.reconciling import (
    SETTINGS,
    STREAM,
    fetched,
    part_of,
    publish,
    settle,
)

pytestmark = pytest.mark.component


async def test_a_full_stream_refuses_the_publisher_and_evicts_nothing(client: Client, world: World) -> None:
    small = StreamSettings(install_id="test", events_max_bytes=200_000)
    reconciler = Reconciler(client, settings=small, surroundings=world.surroundings())
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    with pytest.raises(nats.js.errors.APIError, match="maximum bytes exceeded") as refused:
        await publish(client, "a", 1000, body=b"x" * 10_000)
    assert refused.value.err_code == 10077
    stored = (await client.jetstream().stream_info(STREAM)).state
    assert (stored.first_seq, 10 < stored.messages < 20) == (1, True)
    assert len(await fetched(client)) == stored.messages


async def test_no_room_for_a_stream_is_told_as_no_quota(tmp_path: Path, world: World) -> None:
    server = NatsServer(tmp_path / "small", jetstream_config="max_file_store: 20MB")
    server.start()
    client = await connect(ConnectionSettings(servers=(server.url,)), hooks=ConnectionHooks())
    try:
        reconciler = Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())
        world.put(endpoint(), subscription())
        with pytest.raises(Unavailable, match="NoQuota"):
            await reconciler.reconcile(subscription_key())
    finally:
        await client.close()
        server.close()
    assert world.status.ready(subscription_key()) == ("False", "NoQuota")
    assert world.status.condition(subscription_key(), "Reconciling") is not None


async def test_a_stream_lost_while_nats_was_away_is_made_again(
    nats_server: NatsServer, client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key(), endpoint_key())
    statuses = world.status.writes
    nats_server.kill()
    await eventually(lambda: not client.is_connected)
    world.put(endpoint(timeoutSeconds=9))
    with pytest.raises(Unavailable, match="NATSUnreachable"):
        await reconciler.reconcile(subscription_key())
    assert world.status.writes == statuses, "an outage does not rewrite the status of what is in place"
    shutil.rmtree(nats_server.store)
    nats_server.start()
    await eventually(lambda: client.is_connected)
    world.enqueued.clear()
    reconciler.reconnected()
    assert {subscription_key(), endpoint_key()} <= set(world.enqueued)
    await settle(reconciler, subscription_key())
    target = (await part_of(client)).target
    assert target is not None
    assert target.timeout_seconds == 9
    await publish(client, "a")
    assert await fetched(client) == ["a"]


async def test_an_object_made_while_nats_is_away_says_so(
    nats_server: NatsServer, client: Client, world: World, reconciler: Reconciler
) -> None:
    nats_server.kill()
    await eventually(lambda: not client.is_connected)
    world.put(endpoint(), subscription())
    with pytest.raises(Unavailable):
        await reconciler.reconcile(subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "NATSUnreachable")
