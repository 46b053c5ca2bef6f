"""What a NATS user may not do, the server refuses."""

import asyncio
import json
from collections.abc import Iterator

import nats.errors
import pytest
from nats.js.api import KeyValueConfig

from jethook_contract.errors import Invalid
from jethook_contract.nats_permissions import dispatcher_permissions, producer_permissions
from tests.tenancy.permitted import PermittedNats, platform_users

component = pytest.mark.component
POOLS = ("default", "other")
BUCKETS = ("plan", "members", "retries", "status")
NAMESPACES = ("shop", "books")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PermittedNats]:
    """Run a server on which two pools and two tenants have their things; pool `default` serves `shop` alone."""
    permitted = PermittedNats(tmp_path_factory.mktemp("nats"), platform_users(served=["shop"]))
    permitted.server.start()
    try:
        asyncio.run(_furnish(permitted))
        yield permitted
    finally:
        permitted.server.close()


async def _furnish(permitted: PermittedNats) -> None:
    async with permitted.client("operator") as client:
        js = client.jetstream()
        for pool in POOLS:
            for bucket in BUCKETS:
                made = await js.create_key_value(KeyValueConfig(bucket=f"jethook-{bucket}-{pool}", direct=True))
                await made.put("shop.orders.all", b"a plan")
        for namespace in NAMESPACES:
            stream = f"JETHOOK_EVENTS_{namespace}"
            await js.add_stream(name=stream, subjects=[f"jethook.events.{namespace}.>"])
            await js.add_consumer(stream, durable_name="sub_all", ack_policy="explicit")
            letters = f"JETHOOK_DEADLETTERS_{namespace}"
            await js.add_stream(name=letters, subjects=[f"jethook.deadletters.{namespace}.*"])


PUBLISH_REFUSED = [
    # a producer: events of its own namespace, and nothing else
    ("producer-shop", "jethook.events.books.com.example.made"),
    ("producer-shop", "jethook.events.shop"),
    ("producer-shop", "jethook.direct.shop.all"),
    ("producer-shop", "jethook.deadletters.shop.all"),
    ("producer-shop", "jethook.attempts.shop"),
    ("producer-shop", "jethook.control.default.shop.all"),
    ("producer-shop", "$JS.API.STREAM.INFO.JETHOOK_EVENTS_shop"),
    ("producer-shop", "$JS.API.STREAM.MSG.GET.JETHOOK_EVENTS_shop"),
    ("producer-shop", "$JS.API.CONSUMER.CREATE.JETHOOK_EVENTS_shop"),
    ("producer-shop", "$JS.API.CONSUMER.MSG.NEXT.JETHOOK_EVENTS_shop.sub_all"),
    ("producer-shop", "$JS.ACK.JETHOOK_EVENTS_shop.sub_all.1.1.1.1.0"),
    ("producer-shop", "$KV.jethook-plan-default.shop.orders.all"),
    ("producer-shop", "_INBOX_jethook_dispatcher_default.x"),
    # a pool: its own plan to read, its own records to write, its own namespaces to serve
    ("pool-default", "$KV.jethook-plan-default.shop.orders.all"),
    ("pool-default", "$KV.jethook-plan-other.shop.orders.all"),
    ("pool-default", "$KV.jethook-members-other.claim.1"),
    ("pool-default", "$KV.jethook-retries-other.shop.all"),
    ("pool-default", "$KV.jethook-status-other.endpoint.shop.orders"),
    ("pool-default", "$JS.API.STREAM.INFO.KV_jethook-plan-other"),
    ("pool-default", "$JS.API.STREAM.MSG.GET.KV_jethook-plan-other"),
    ("pool-default", "$JS.API.DIRECT.GET.KV_jethook-plan-other"),
    ("pool-default", "$JS.API.DIRECT.GET.KV_jethook-plan-other.$KV.jethook-plan-other.shop.orders.all"),
    ("pool-default", "$JS.API.CONSUMER.CREATE.KV_jethook-plan-other"),
    ("pool-default", "$JS.API.CONSUMER.CREATE.KV_jethook-plan-other.mine.>"),
    ("pool-default", "$JS.API.CONSUMER.DURABLE.CREATE.KV_jethook-plan-other.mine"),
    ("pool-default", "$JS.API.STREAM.CREATE.KV_jethook-plan-other"),
    ("pool-default", "$JS.API.STREAM.CREATE.MIRROR"),
    ("pool-default", "$JS.API.STREAM.DELETE.KV_jethook-plan-default"),
    ("pool-default", "$JS.API.STREAM.PURGE.KV_jethook-plan-default"),
    ("pool-default", "$JS.API.STREAM.LIST"),
    ("pool-default", "$JS.API.CONSUMER.MSG.NEXT.JETHOOK_EVENTS_books.sub_all"),
    ("pool-default", "$JS.API.CONSUMER.CREATE.JETHOOK_EVENTS_shop"),
    ("pool-default", "$JS.API.CONSUMER.DELETE.JETHOOK_EVENTS_shop.sub_all"),
    ("pool-default", "$JS.API.STREAM.MSG.GET.JETHOOK_EVENTS_books"),
    ("pool-default", "$JS.API.STREAM.SNAPSHOT.JETHOOK_EVENTS_books"),
    ("pool-default", "$JS.ACK.JETHOOK_EVENTS_books.sub_all.1.1.1.1.0"),
    ("pool-default", "jethook.events.shop.com.example.made"),
    ("pool-default", "jethook.deadletters.books.all"),
    ("pool-default", "jethook.attempts.books"),
    # the operator: no events, no dead letters, no requests to dispatchers
    ("operator", "jethook.events.shop.com.example.made"),
    ("operator", "jethook.direct.shop.all"),
    ("operator", "jethook.deadletters.shop.all"),
    ("operator", "jethook.control.default.shop.all"),
    # the platform's people: no plan of their own making, no dead letter that never was
    ("admin", "$KV.jethook-plan-default.shop.orders.all"),
    ("admin", "jethook.deadletters.shop.all"),
]

SUBSCRIBE_REFUSED = [
    (user, subject)
    for user in ("producer-shop", "pool-default", "operator", "admin")
    for subject in (
        ">",
        "jethook.>",
        "jethook.events.shop.>",
        "jethook.events.books.>",
        "$KV.>",
        "$KV.jethook-plan-other.>",
        "$JS.EVENT.>",
        "_INBOX.>",
        "_INBOX_jethook_producer_books.>",
        "_INBOX_jethook_dispatcher_other.>",
        "jethook.control.other.*.*",
    )
]


@component
@pytest.mark.parametrize(("user", "subject"), PUBLISH_REFUSED)
async def test_publishing_is_refused(platform: PermittedNats, user: str, subject: str) -> None:
    assert await platform.refuses(user, publish=subject)


@component
@pytest.mark.parametrize(("user", "subject"), SUBSCRIBE_REFUSED)
async def test_listening_is_refused(platform: PermittedNats, user: str, subject: str) -> None:
    assert await platform.refuses(user, subscribe=subject)


@component
@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("producer-shop", "jethook.events.shop.com.example.made"),
        ("pool-default", "$KV.jethook-status-default.endpoint.shop.orders"),
        ("pool-default", "jethook.deadletters.shop.all"),
        ("operator", "$KV.jethook-plan-other.shop.orders.all"),
        ("admin", "jethook.direct.shop.all"),
    ],
)
async def test_what_is_allowed_is_not_refused(platform: PermittedNats, user: str, subject: str) -> None:
    assert not await platform.refuses(user, publish=subject)


@component
async def test_a_pool_reads_its_own_plan_and_no_other(platform: PermittedNats) -> None:
    async with platform.client("pool-default") as client:
        js = client.jetstream(timeout=1)
        stream = "KV_jethook-plan-default"
        message = await js.get_last_msg(stream, "$KV.jethook-plan-default.shop.orders.all")
        assert message.data == b"a plan"
        with pytest.raises(nats.errors.TimeoutError):
            await js.get_last_msg("KV_jethook-plan-other", "$KV.jethook-plan-other.shop.orders.all")


@component
async def test_a_request_on_a_permitted_subject_cannot_name_another_stream(platform: PermittedNats) -> None:
    async with platform.client("pool-default") as client:
        body = {"stream_name": "KV_jethook-plan-other", "config": {"ack_policy": "none", "deliver_policy": "all"}}
        subject = "$JS.API.CONSUMER.CREATE.KV_jethook-plan-default"
        answer = json.loads((await client.request(subject, json.dumps(body).encode(), timeout=5)).data)
        assert "does not match" in answer["error"]["description"]
        mirror = {"name": "MINE", "mirror": {"name": "KV_jethook-plan-other"}}
        subject = "$JS.API.STREAM.CREATE.KV_jethook-members-default"
        answer = json.loads((await client.request(subject, json.dumps(mirror).encode(), timeout=5)).data)
        assert "does not match" in answer["error"]["description"]


@component
async def test_a_plan_of_many_parts_reaches_its_pool_whole(platform: PermittedNats) -> None:
    """A watch is paced by flow control, whose answers need a permission of their own."""
    async with platform.client("operator") as operator:
        bucket = await operator.jetstream().key_value("jethook-plan-default")
        parts = [bucket.put(f"shop.orders.part-{number}", b"x" * 2_000) for number in range(3_000)]
        for start in range(0, len(parts), 500):
            await asyncio.gather(*parts[start : start + 500])
    async with platform.client("pool-default") as client:
        watch = await (await client.jetstream().key_value("jethook-plan-default")).watchall()
        seen = set()
        async with asyncio.timeout(20):
            async for entry in watch:
                if entry is None:
                    break
                seen.add(entry.key)
        await watch.stop()
    assert len(seen) == 3_001


@pytest.mark.parametrize("name", ["", "a.b", ">", "*", "Shop", "x" * 64])
def test_a_name_that_is_none_gives_no_permissions(name: str) -> None:
    with pytest.raises(Invalid):
        producer_permissions(name)
    with pytest.raises(Invalid):
        dispatcher_permissions(name)
    if name != "*":
        with pytest.raises(Invalid):
            dispatcher_permissions("default", namespaces=[name])
