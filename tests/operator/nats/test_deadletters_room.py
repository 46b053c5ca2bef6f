"""Dead letters have room of their own: a Subscription's share, beside the others' and beside the events."""

import nats.js.errors
import pytest
from nats.aio.client import Client

from jethook_contract import names
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import StreamSettings
from tests.fakes.surroundings import World, endpoint, subscription, subscription_key
from tests.operator.nats.reconciling import publish, settle

pytestmark = pytest.mark.component
DEADLETTERS = names.deadletters_stream("shop")


async def dead_letter(client: Client, name: str, count: int = 1) -> None:
    for number in range(count):
        await client.jetstream().publish(f"jethook.deadletters.shop.{name}", b"%d" % number)


async def test_a_full_share_refuses_its_subscription_alone_and_evicts_nothing(client: Client, world: World) -> None:
    settings = StreamSettings(install_id="test", events_max_bytes=1_000_000, deadletters_max_per_subscription=5)
    world.put(endpoint(), subscription("one", "a"), subscription("two", "a"))
    reconciler = Reconciler(client, settings=settings, surroundings=world.surroundings())
    await settle(reconciler, subscription_key("one"), subscription_key("two"))
    await dead_letter(client, "one", 5)
    with pytest.raises(nats.js.errors.APIError, match="maximum messages per subject exceeded"):
        await dead_letter(client, "one")
    await dead_letter(client, "two", 5)
    info = await client.jetstream().stream_info(DEADLETTERS, subjects_filter=">")
    assert info.state.subjects == {"jethook.deadletters.shop.one": 5, "jethook.deadletters.shop.two": 5}
    assert info.state.first_seq == 1

    await client.jetstream().delete_msg(DEADLETTERS, 1)
    await dead_letter(client, "one")


async def test_full_events_leave_the_room_of_dead_letters_alone(client: Client, world: World) -> None:
    settings = StreamSettings(install_id="test", events_max_bytes=200_000, deadletters_max_bytes=1_000_000)
    world.put(endpoint(), subscription("one", "a"))
    await settle(Reconciler(client, settings=settings, surroundings=world.surroundings()), subscription_key("one"))
    with pytest.raises(nats.js.errors.APIError, match="maximum bytes exceeded"):
        await publish(client, "a", 100, body=b"x" * 10_000)
    await dead_letter(client, "one")
