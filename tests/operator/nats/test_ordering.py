"""Ordering begins only when it fits, and at no moment does a part say it while the consumer gives out too much."""

import json

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from jethook_contract.plan import PlanPart
from jethook_contract.selection import Batch, Ordering
from jethook_contract.subjects import events_subject
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import World, endpoint, subscription, subscription_key
from tests.operator.nats.reconciling import SETTINGS, STREAM, part_of, settle

pytestmark = pytest.mark.component
ORDERED = {"ordering": {"keyFrom": "event.subject"}}
ORDERING = Ordering(key_from="event.subject")
WAITS = ("False", "OrderingWaits")
PROGRAMMED = ("True", "Programmed")


async def fetch_unacked(client: Client, count: int) -> list[Msg]:
    """Publish so many events and take them out of the consumer without an answer."""
    js = client.jetstream()
    for _ in range(count):
        await js.publish_async(events_subject("shop", "a"), b"{}")
    await js.publish_async_completed()
    pull = await js.pull_subscribe_bind("sub_all", stream=STREAM)
    taken: list[Msg] = []
    while len(taken) < count:
        taken += await pull.fetch(count - len(taken), timeout=5)
    return taken


async def ack(messages: list[Msg]) -> None:
    for message in messages:
        await message.ack_sync()


async def config(client: Client) -> ConsumerConfig:
    return (await client.jetstream().consumer_info(STREAM, "sub_all")).config


class Written:
    """The writes to consumer and plan, in the order in which NATS got them."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, object]] = []

    async def listen(self, client: Client) -> None:
        await client.subscribe("$JS.API.CONSUMER.CREATE.JETHOOK_EVENTS_shop.>", cb=self._consumer)
        await client.subscribe("$KV.jethook-plan-default.shop.>", cb=self._part)
        await client.flush()

    async def _consumer(self, message: Msg) -> None:
        self.parts.append(("consumer", json.loads(message.data)["config"]["max_ack_pending"]))

    async def _part(self, message: Msg) -> None:
        self.parts.append(("ordered", PlanPart.decode(message.data).ordering is not None))


async def test_a_new_ordered_subscription_starts_in_order(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("all", "a", **ORDERED))
    assert await reconciler.reconcile(subscription_key()) is None
    assert (await config(client)).max_ack_pending == 1_000
    assert (await part_of(client)).ordering == ORDERING
    assert world.status.ready(subscription_key()) == PROGRAMMED


async def test_ordering_is_switched_on_consumer_first_and_off_part_first(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    written = Written()
    await written.listen(client)
    world.put(subscription("all", "a", **ORDERED))
    assert await reconciler.reconcile(subscription_key()) is None
    assert world.status.ready(subscription_key()) == PROGRAMMED
    world.put(subscription("all", "a"))
    assert await reconciler.reconcile(subscription_key()) is None
    await client.flush()
    assert written.parts == [("consumer", 1_000), ("ordered", True), ("ordered", False), ("consumer", 20_000)]
    after = await config(client)
    assert (after.max_ack_pending, after.ack_wait) == (20_000, 30)


async def test_ordering_waits_until_what_is_out_fits(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    out = await fetch_unacked(client, 1_001)
    world.put(subscription("all", "a", filter={"cel": "event.id != ''"}, **ORDERED))
    assert await reconciler.reconcile(subscription_key()) == 5.0
    part = await part_of(client)
    assert (part.state, part.ordering) == ("Active", None)
    assert part.filter.cel == "event.id != ''", "all else of the new spec is in force"
    assert (await config(client)).max_ack_pending == 20_000
    assert world.status.ready(subscription_key()) == WAITS
    assert world.status.condition(subscription_key(), "Reconciling") is not None
    assert world.status.condition(subscription_key(), "Stalled") is None
    statuses = world.status.writes
    assert await reconciler.reconcile(subscription_key()) == 5.0
    assert world.status.writes == statuses, "waiting writes nothing"

    await ack(out[:1])
    assert await reconciler.reconcile(subscription_key()) is None
    assert (await config(client)).max_ack_pending == 1_000
    assert (await part_of(client)).ordering == ORDERING
    assert world.status.ready(subscription_key()) == PROGRAMMED


async def test_a_lowered_consumer_with_more_out_is_waited_for(client: Client, world: World) -> None:
    """An operator may end between consumer and part, with more given out before the consumer was lowered."""
    world.put(endpoint(), subscription("all", "a"))
    await settle(Reconciler(client, settings=SETTINGS, surroundings=world.surroundings()), subscription_key())
    out = await fetch_unacked(client, 1_002)
    before = await config(client)
    before.max_ack_pending = 1_000
    await client.jetstream().add_consumer(STREAM, before)

    world.put(subscription("all", "a", **ORDERED))
    fresh = Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())
    assert await fresh.reconcile(subscription_key()) == 5.0
    assert (await part_of(client)).ordering is None
    assert (await config(client)).max_ack_pending == 1_000
    await ack(out[:2])
    assert await fresh.reconcile(subscription_key()) is None
    assert (await part_of(client)).ordering == ORDERING


async def test_a_batch_goes_on_while_ordering_waits(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("all", "a", batch={"maxEvents": 7}))
    await settle(reconciler, subscription_key())
    await fetch_unacked(client, 1_001)
    world.put(subscription("all", "a", format="Binary", **ORDERED))
    await settle(reconciler, subscription_key())
    part = await part_of(client)
    assert (part.batch, part.format, part.ordering) == (Batch(max_events=7), "Structured", None)


async def test_a_widened_filter_and_a_part_without_order_come_before_the_wider_bound(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a", **ORDERED))
    await settle(reconciler, subscription_key())
    written = Written()
    await written.listen(client)
    world.put(subscription("all", "a", "b"))
    await settle(reconciler, subscription_key())
    await client.flush()
    assert written.parts == [("consumer", 1_000), ("ordered", False), ("consumer", 20_000)]
