"""Removing a consumer gives its room back, and takes nothing from the others."""

import time

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, RetentionPolicy
from nats.js.errors import NotFoundError

from jethook_contract import names
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.streams import Streams, StreamSettings
from jethook_operator.shell.sweep import Sweeper
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component
STREAM = "JETHOOK_EVENTS_shop"
MINE = {names.METADATA_INSTALL_ID: "test"}


def sweeper(client: Client) -> Sweeper:
    api = JetStreamApi(client)
    return Sweeper(api, streams=Streams(api, settings=StreamSettings(install_id="test")))


async def make(js: JetStreamContext, **consumers: str) -> None:
    await js.add_stream(
        name=STREAM, subjects=["jethook.events.shop.>"], retention=RetentionPolicy.INTEREST, metadata=MINE
    )
    for name, pattern in consumers.items():
        subjects = [f"jethook.events.shop.{pattern}", f"jethook.direct.shop.{name}"]
        config = ConsumerConfig(durable_name=name, filter_subjects=subjects, max_ack_pending=20_000, metadata=MINE)
        await js.add_consumer(STREAM, config)


async def publish(js: JetStreamContext, event_type: str, count: int) -> None:
    for _ in range(count):
        await js.publish_async(f"jethook.events.shop.{event_type}", b"x" * 64)
        if js.publish_async_pending() > 2000:
            await js.publish_async_completed()
    await js.publish_async_completed()


async def delay(js: JetStreamContext, name: str, count: int) -> None:
    pull = await js.pull_subscribe_bind(name, stream=STREAM)
    nacked = 0
    while nacked < count:
        for message in await pull.fetch(min(2000, count - nacked)):
            await message.nak(delay=3600)
            nacked += 1
    await pull.unsubscribe()


async def pending(js: JetStreamContext, name: str) -> int:
    info = await js.consumer_info(STREAM, name)
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def test_the_room_comes_back_and_the_others_lose_nothing(nats_server: NatsServer) -> None:
    """150,000 events wait, 20,000 of them in back-off; another holds an older event, a third overlaps in 5,000."""
    client = await nats.connect(nats_server.url)
    js = client.jetstream(publish_async_max_pending=4000)
    await make(js, sub_gone="big.>", sub_old="old", sub_overlapping="big.shared")
    await publish(js, "old", 1)
    await publish(js, "big.own", 145_000)
    await publish(js, "big.shared", 5_000)
    await delay(js, "sub_gone", 20_000)
    assert (await js.stream_info(STREAM)).state.messages == 150_001

    started = time.monotonic()
    work = sweeper(client)
    await work.detach(STREAM, "gone")
    await work.drain(STREAM, "gone")
    assert time.monotonic() - started < 30

    state = (await js.stream_info(STREAM)).state
    assert state.messages == 5_001
    assert state.bytes < 1_000_000
    assert (await pending(js, "sub_old"), await pending(js, "sub_overlapping")) == (1, 5_000)
    assert {info.name for info in await js.consumers_info(STREAM)} == {"sub_old", "sub_overlapping"}
    await client.close()


async def test_events_wait_in_the_sweep_until_another_process_carries_it_on(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    js = client.jetstream()
    await make(js, sub_gone="a", sub_other="b")
    await publish(js, "a", 200)
    await publish(js, "b", 1)
    work = sweeper(client)
    await work.detach(STREAM, "gone")
    assert (await js.stream_info(STREAM)).state.messages == 201
    with pytest.raises(NotFoundError):
        await js.consumer_info(STREAM, "sub_gone")

    await sweeper(client).drain(STREAM, "gone")
    assert (await js.stream_info(STREAM)).state.messages == 1
    assert {info.name for info in await js.consumers_info(STREAM)} == {"sub_other"}
    await client.close()


async def test_a_consumer_of_another_install_is_left_alone(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    js = client.jetstream()
    await make(js)
    await js.add_consumer(STREAM, durable_name="sub_theirs", filter_subject="jethook.events.shop.a")
    await sweeper(client).detach(STREAM, "theirs")
    assert {info.name for info in await js.consumers_info(STREAM)} == {"sub_theirs"}
    await client.close()
