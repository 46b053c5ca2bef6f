"""A reconcile against a real nats-server."""

import dataclasses
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import nats.js.errors
import pytest
from nats.aio.client import Client

from jethook_contract import names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.errors import Unavailable, Waiting
from jethook_contract.plan import PlanPart, PoolPlan
from jethook_contract.sealing import KeyRing
from jethook_contract.subjects import events_subject
from jethook_operator.core.affected import affected
from jethook_operator.core.resources import Key
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import StreamSettings
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
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component
STREAM = "JETHOOK_EVENTS_shop"
SIGNED = {"signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}]}
SETTINGS = StreamSettings(
    install_id="test",
    events_max_bytes=64 * 1024 * 1024,
    deadletters_max_bytes=8 * 1024 * 1024,
    attempts_max_bytes=8 * 1024 * 1024,
    orphan_grace_seconds=3600,
)


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


@pytest.fixture
def reconciler(client: Client, world: World) -> Reconciler:
    return Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())


async def part_of(client: Client, *, pool: str = "default", key: str = "shop.orders.all") -> PlanPart:
    bucket = await client.jetstream().key_value(names.plan_bucket(pool))
    return PlanPart.decode((await bucket.get(key)).value or b"")


async def keys_of(client: Client, pool: str = "default") -> set[str]:
    return set(await (await client.jetstream().key_value(names.plan_bucket(pool))).keys())


async def publish(client: Client, event_type: str, count: int = 1, *, body: bytes = b"{}") -> None:
    for _ in range(count):
        await client.jetstream().publish(events_subject("shop", event_type), body)


async def fetched(client: Client, consumer: str = "sub_all", count: int = 100) -> list[str]:
    """Fetch and acknowledge what the consumer gives now; the subjects."""
    pull = await client.jetstream().pull_subscribe_bind(consumer, stream=STREAM)
    try:
        messages = await pull.fetch(count, timeout=0.5)
    except TimeoutError:
        messages = []
    for message in messages:
        await message.ack_sync()
    await pull.unsubscribe()
    return [message.subject.removeprefix("jethook.events.shop.") for message in messages]


async def writes(client: Client) -> dict[str, int]:
    """Give the last sequence of every stream, the buckets included: only a write changes one."""
    js = client.jetstream()
    return {info.config.name or "": info.state.last_seq for info in await js.streams_info()}


async def settle(reconciler: Reconciler, *keys: Key) -> None:
    for key in keys:
        await reconciler.reconcile(key)


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


@pytest.mark.parametrize(
    "case",
    [
        (None, "true", "SecretNotFound", 'spec.signing[0].secretRef: Secret "signing" does not exist'),
        ({"current": SIGNING_KEY}, "", "SecretNotLabelled", "kubectl label secret signing jethook.io/use=true"),
        ({"other": SIGNING_KEY}, "true", "SecretKeyMissing", 'has no key "current" (it has: other)'),
        ({"current": "not base64!"}, "true", "SecretKeyInvalid", "is no base64"),
    ],
)
async def test_a_missing_secret_withholds_the_plan_until_it_comes(
    client: Client, world: World, reconciler: Reconciler, case: tuple[dict[str, str] | None, str, str, str]
) -> None:
    data, labelled, reason, cure = case
    world.put(endpoint(**SIGNED), subscription("all", "a"))
    if data is not None:
        world.put_secret("signing", data, labelled=labelled)
    await settle(reconciler, subscription_key(), endpoint_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target, part.sealed) == ("Withheld", reason, None, "")
    for key in (subscription_key(), endpoint_key()):
        assert world.status.ready(key) == ("False", reason)
        assert world.status.condition(key, "Reconciling") is not None
        assert world.status.condition(key, "Stalled") is None
        assert reason in world.events.reasons(key)
    ready = world.status.condition(endpoint_key(), "Ready")
    assert ready is not None
    assert cure in ready.message
    await publish(client, "a", 2)

    world.put_secret("signing", {"current": SIGNING_KEY + "\n"})
    await settle(reconciler, subscription_key(), endpoint_key())
    part = await part_of(client)
    assert (part.state, part.reason) == ("Active", "")
    assert world.status.ready(endpoint_key()) == ("True", "Programmed")
    assert await fetched(client) == ["a", "a"]


async def test_an_endpoint_deleted_with_a_backlog_keeps_it_waiting(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription("all", "a"))
    await settle(reconciler, subscription_key())
    await publish(client, "a", 2)
    world.store.remove(endpoint_key())
    await settle(reconciler, subscription_key(), endpoint_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "EndpointNotFound", None)
    assert world.status.ready(subscription_key()) == ("False", "EndpointNotFound")
    world.put(endpoint())
    await settle(reconciler, subscription_key())
    assert (await part_of(client)).state == "Active"
    assert await fetched(client) == ["a", "a"]


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


async def test_a_pool_that_does_not_exist_is_waited_for_and_the_backlog_too(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(poolRef={"name": "eu"}), subscription("all", "a"))
    await settle(reconciler, subscription_key(), endpoint_key())
    for key in (subscription_key(), endpoint_key()):
        assert world.status.ready(key) == ("False", "PoolNotFound")
        ready = world.status.condition(key, "Ready")
        assert ready is not None
        assert (
            'spec.poolRef: DispatcherPool "eu" does not exist; use an existing one or have it created' in ready.message
        )
        assert world.status.condition(key, "Reconciling") is not None
        assert world.status.condition(key, "Stalled") is None
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "PoolNotFound", None)
    await publish(client, "a", 2)

    pool_key = Key("DispatcherPool", "jethook-system", "eu")
    world.put(document("DispatcherPool", "eu", {}))
    assert {subscription_key(), endpoint_key()} <= set(affected(pool_key, reader=world.store))
    await settle(reconciler, pool_key, subscription_key(), endpoint_key())
    assert (await part_of(client, pool="eu")).state == "Active"
    assert await keys_of(client) == {"pool"}
    assert world.status.ready(endpoint_key()) == ("True", "Programmed")
    assert await fetched(client) == ["a", "a"]

    world.store.remove(pool_key)
    await settle(reconciler, pool_key, subscription_key(), endpoint_key())
    assert await keys_of(client, "eu") == {"pool"}
    assert (await part_of(client)).reason == "PoolNotFound"
    assert world.status.ready(endpoint_key()) == ("False", "PoolNotFound")


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


async def test_a_broken_object_is_stalled_and_its_last_good_plan_stays(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    world.put(subscription("all", "a**") | {"metadata": {"name": "all", "namespace": "shop", "generation": 2}})
    await settle(reconciler, subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "InvalidSpec")
    assert world.status.condition(subscription_key(), "Stalled") is not None
    assert world.status.last[subscription_key()].observed_generation == 2
    assert (await part_of(client)).state == "Active"


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


async def test_a_namespace_of_another_uid_is_told_apart(client: Client, world: World, reconciler: Reconciler) -> None:
    world.store.set_namespace_uid("shop", "first")
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    world.store.set_namespace_uid("shop", "second")
    fresh = Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())
    await settle(fresh, subscription_key())
    assert world.status.ready(subscription_key()) == ("False", "OtherNamespace")


async def test_changed_settings_reach_a_stream_that_exists(
    client: Client, world: World, reconciler: Reconciler
) -> None:
    world.put(endpoint(), subscription())
    await settle(reconciler, subscription_key())
    larger = StreamSettings(install_id="test", events_max_bytes=32 * 1024 * 1024)
    await settle(Reconciler(client, settings=larger, surroundings=world.surroundings()), subscription_key())
    assert (await client.jetstream().stream_info(STREAM)).config.max_bytes == 32 * 1024 * 1024


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


async def test_without_a_key_file_the_part_is_withheld(client: Client, world: World) -> None:
    def no_ring(_pool: str) -> KeyRing:
        raise Waiting("NoPlanKey", "pool default has no key file")

    surroundings = dataclasses.replace(world.surroundings(), key_ring=no_ring)
    world.put(endpoint(**SIGNED), subscription())
    world.put_secret("signing", {"current": SIGNING_KEY})
    await settle(Reconciler(client, settings=SETTINGS, surroundings=surroundings), subscription_key())
    part = await part_of(client)
    assert (part.state, part.reason, part.target) == ("Withheld", "NoPlanKey", None)
    assert world.status.ready(subscription_key()) == ("False", "NoPlanKey")
