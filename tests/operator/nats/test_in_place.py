"""A Subscription in place: stream, consumer, plan and status, and no write for equal input."""

import pytest
from nats.aio.client import Client

from jethook_contract import names
from jethook_contract.plan import PoolPlan
from jethook_operator.core.resources import Key
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import (
    OTHER_SIGNING_KEY,
    SIGNING_KEY,
    World,
    document,
    endpoint,
    endpoint_key,
    subscription,
    subscription_key,
)
from tests.operator.nats.reconciling import (
    SETTINGS,
    SIGNED,
    STREAM,
    keys_of,
    part_of,
    settle,
    writes,
)

pytestmark = pytest.mark.component


async def test_a_subscription_gets_stream_consumer_plan_and_status(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(**SIGNED, timeoutSeconds=7), subscription())
    world.put_secret("signing", {"current": SIGNING_KEY, "previous": OTHER_SIGNING_KEY})
    await settle(reconciler, subscription_key(), endpoint_key())

    stream = await client.jetstream().stream_info(STREAM)
    assert (stream.config.retention, stream.config.discard) == ("interest", "new")
    assert stream.config.max_consumers == 10_000
    assert (stream.config.metadata or {})[names.METADATA_INSTALL_ID] == "test"
    consumer = await client.jetstream().consumer_info(STREAM, "sub_all")
    assert consumer.config.filter_subjects == ["jethook.direct.shop.all", "jethook.events.shop.com.example.order.>"]
    assert (consumer.config.ack_wait, consumer.config.max_ack_pending, consumer.config.backoff) == (30, 20_000, None)
    assert consumer.config.max_deliver == -1
    part = await part_of(client)
    assert part.state == "Active"
    assert part.target is not None
    assert part.target.timeout_seconds == 7
    assert [k.get_secret_value() for k in world.ring.unseal(part.sealed).signing[0].keys] == [
        SIGNING_KEY,
        OTHER_SIGNING_KEY,
    ]
    assert world.status.ready(subscription_key()) == ("True", "Programmed")
    ready = world.status.condition(endpoint_key(), "Ready")
    assert ready is not None
    assert ready.message == "1 subscription, consumer and plan in place"
    assert world.status.last[endpoint_key()].fields == {"url": "https://hooks.example.com/orders"}
    assert world.enqueued == [endpoint_key()]


async def test_two_subscriptions_on_one_endpoint_are_told_of_together(world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(), subscription("one", "a"), subscription("two", "b"))
    await settle(reconciler, subscription_key("one"), endpoint_key())
    ready = world.status.condition(endpoint_key(), "Ready")
    assert ready is not None
    assert ready.message == "1 of 2 subscriptions in place; not yet: two"
    await settle(reconciler, subscription_key("two"), endpoint_key())
    ready = world.status.condition(endpoint_key(), "Ready")
    assert ready is not None
    assert ready.message == "2 subscriptions, consumers and plan in place"


async def test_equal_input_writes_nothing_also_after_a_restart(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(**SIGNED), subscription(), document("DispatcherPool", "default", {}))
    world.put_secret("signing", {"current": SIGNING_KEY})
    every = (Key("DispatcherPool", "jethook-system", "default"), subscription_key(), endpoint_key())
    await settle(reconciler, *every)
    before, statuses, events = await writes(client), world.status.writes, len(world.events.recorded)

    requests: list[str] = []

    async def note(message: object) -> None:
        requests.append(str(getattr(message, "subject", "")))

    await client.subscribe("$JS.API.>", cb=note)
    await client.flush()
    await settle(reconciler, *every)
    await reconciler.sweep_orphans()
    restarted = Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())
    await settle(restarted, *every)
    await restarted.sweep_orphans()
    await client.flush()
    assert requests, "the subscription sees API requests"
    assert [one for one in requests if ".UPDATE." in one or ".DELETE." in one or ".STREAM.CREATE" in one] == []
    assert [one for one in requests if "CONSUMER.CREATE.JETHOOK" in one] == []
    assert await writes(client) == before
    assert (world.status.writes, len(world.events.recorded)) == (statuses, events)


async def test_a_second_reconcile_of_equal_input_asks_nothing(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key(), endpoint_key())
    sent = client.stats["out_msgs"]
    await settle(reconciler, subscription_key(), endpoint_key())
    assert client.stats["out_msgs"] == sent


async def test_a_subscription_that_moves_leaves_no_part_behind(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    pool = document("DispatcherPool", "eu", {"egress": {"allowedCIDRs": ["10.0.0.0/8"]}})
    world.put(endpoint("old"), endpoint("new", poolRef={"name": "eu"}), subscription("all", "a", to="old"))
    await settle(reconciler, subscription_key())
    assert await keys_of(client) == {"pool", "shop.old.all"}
    world.put(subscription("all", "a", to="new"))
    await settle(reconciler, subscription_key())
    assert (await part_of(client, key="shop.new.all")).reason == "PoolNotFound"

    world.put(pool)
    world.enqueued.clear()
    await settle(reconciler, Key("DispatcherPool", "jethook-system", "eu"), subscription_key())
    assert await keys_of(client) == {"pool"}
    assert await keys_of(client, "eu") == {"pool", "shop.new.all"}
    bucket = await client.jetstream().key_value(names.plan_bucket("eu"))
    assert PoolPlan.decode((await bucket.get("pool")).value or b"").allowed_cidrs == ("10.0.0.0/8",)
    assert endpoint_key("new") in world.enqueued


async def test_suspending_takes_the_secrets_out_of_the_plan(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(**SIGNED), subscription())
    world.put_secret("signing", {"current": SIGNING_KEY})
    await settle(reconciler, subscription_key())
    world.put(subscription(suspend=True))
    await settle(reconciler, subscription_key())
    part = await part_of(client)
    assert (part.state, part.sealed, part.target) == ("Suspended", "", None)
    assert world.status.ready(subscription_key()) == ("True", "Suspended")


async def test_a_rotated_secret_is_told_once_an_endpoint(client: Client, world: World, reconciler: Reconciler) -> None:
    world.put(endpoint(**SIGNED), subscription("one", "a"), subscription("two", "b"))
    world.put_secret("signing", {"current": SIGNING_KEY})
    await settle(reconciler, subscription_key("one"), subscription_key("two"))
    world.put_secret("signing", {"current": OTHER_SIGNING_KEY, "previous": SIGNING_KEY})
    await settle(reconciler, subscription_key("one"), subscription_key("two"))
    told = [message for _, _, reason, message in world.events.recorded if reason == "SecretRotated"]
    assert told == ["now signing with key current of Secret signing; previous stays valid"]
    part = await part_of(client, key="shop.orders.two")
    assert world.ring.unseal(part.sealed).signing[0].keys[0].get_secret_value() == OTHER_SIGNING_KEY
