"""How the consumers of many Subscriptions are read: all of them, and only where something happens."""

import asyncio
from collections import Counter

import pytest
from nats.aio.client import Client

from jethook_contract.errors import Unavailable
from jethook_contract.names import events_stream
from jethook_operator.core.scaling_load import ConsumerFigures
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.pool_load_consumers import ConsumerLooks
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

SHOP, OTHER = events_stream("shop"), events_stream("other")
MANY = 300  # more than an answer holds


@pytest.fixture
async def api(client: Client) -> JetStreamApi:
    """Lay two namespaces: `shop` with 300 consumers, `other` with one."""
    made = JetStreamApi(client)
    for namespace, count in (("shop", MANY), ("other", 1)):
        stream = events_stream(namespace)
        config = {"name": stream, "subjects": [f"jethook.events.{namespace}.>"], "retention": "interest"}
        await made.request(f"STREAM.CREATE.{stream}", config)
        await asyncio.gather(*(_consumer(made, stream, f"sub_{number}") for number in range(count)))
    made.requests.clear()
    return made


async def _consumer(api: JetStreamApi, stream: str, name: str) -> None:
    subject = f"jethook.events.{stream.removeprefix('JETHOOK_EVENTS_')}.{name}"
    config = {"durable_name": name, "ack_policy": "explicit", "deliver_policy": "new", "filter_subject": subject}
    await api.request(f"CONSUMER.CREATE.{stream}.{name}.{subject}", {"stream_name": stream, "config": config})


def asked(api: JetStreamApi) -> Counter[str]:
    """Count the requests by operation, since the last call."""
    found = Counter({operation: count for (operation, _), count in api.requests.items()})
    api.requests.clear()
    return found


async def test_all_consumers_are_read_at_first_and_none_again_while_nothing_happens(api: JetStreamApi) -> None:
    looks = ConsumerLooks(api)
    found = await looks.look([SHOP, OTHER])
    assert {name: len(one.now) for name, one in found.items()} == {SHOP: MANY, OTHER: 1}
    assert asked(api) == {"STREAM.LIST": 1, "CONSUMER.LIST": 3}
    for _ in range(3):
        found = await looks.look([SHOP, OTHER])
    assert asked(api) == {"STREAM.LIST": 3}
    assert found[SHOP].before == found[SHOP].now
    assert looks.listed == MANY + 1


async def test_only_streams_with_work_are_read_again(api: JetStreamApi, client: Client) -> None:
    looks = ConsumerLooks(api)
    await looks.look([SHOP, OTHER])
    asked(api)
    await client.jetstream().publish("jethook.events.other.sub_0", b"{}")
    found = await looks.look([SHOP, OTHER])
    assert asked(api) == {"STREAM.LIST": 1, "CONSUMER.LIST": 1}
    assert found[OTHER].now["sub_0"].pending == 1
    assert found[OTHER].before["sub_0"].pending == 0
    assert found[OTHER].seconds > 0


async def test_what_was_delivered_between_two_looks_is_seen(api: JetStreamApi, client: Client) -> None:
    looks = ConsumerLooks(api)
    await looks.look([OTHER])
    await client.jetstream().publish("jethook.events.other.sub_0", b"{}")
    pull = await client.jetstream().pull_subscribe_bind("sub_0", stream=OTHER)
    (message,) = await pull.fetch(1)
    assert (await looks.look([OTHER]))[OTHER].now["sub_0"].unacknowledged == 1
    await message.ack_sync()

    async def acknowledged() -> ConsumerFigures | None:
        figures = (await looks.look([OTHER]))[OTHER].now["sub_0"]
        return None if figures.unacknowledged else figures

    figures: ConsumerFigures = await eventually(acknowledged)
    assert (figures.pending, figures.handed_out, figures.stream_sequence) == (0, 1, 1)
    assert (await looks.look([OTHER]))[OTHER].before["sub_0"] == figures


async def test_a_stream_that_does_not_exist_is_left_out(api: JetStreamApi) -> None:
    assert set(await ConsumerLooks(api).look([OTHER, events_stream("nowhere")])) == {OTHER}


async def test_without_streams_nothing_is_asked(api: JetStreamApi) -> None:
    assert await ConsumerLooks(api).look([]) == {}
    assert asked(api) == {}


async def test_while_nats_is_away_the_load_is_not_known(api: JetStreamApi, nats_server: NatsServer) -> None:
    looks = ConsumerLooks(api)
    await looks.look([OTHER])
    nats_server.kill()
    await eventually(lambda: not api.client.is_connected)
    with pytest.raises(Unavailable):
        await looks.look([OTHER])
