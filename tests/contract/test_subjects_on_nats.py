"""What the real server makes of our subjects and filters."""

from __future__ import annotations

from collections.abc import AsyncIterator

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, RetentionPolicy, StreamConfig
from nats.js.errors import BadRequestError

from jethook_contract.subjects import (
    MAX_TYPE_CHARACTERS,
    direct_subject,
    event_type_of,
    events_subject,
    filter_subject,
    filter_subjects,
    matches,
)
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component

STREAM = "JETHOOK_EVENTS_shop"
TYPES = [
    "com.example.order.made",
    "com.example.*.made",
    "com.example.>",
    "a b",
    "..",
    "100%",
    "größe.\U0001f600",
    '$JS.API."x"',
    "a" * MAX_TYPE_CHARACTERS,
    ".".join("a" * (MAX_TYPE_CHARACTERS // 2)),
]


@pytest.fixture
async def jetstream(nats_server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(nats_server.url)
    context = client.jetstream()
    await context.add_stream(
        StreamConfig(
            name=STREAM, subjects=["jethook.events.shop.>", "jethook.direct.shop.*"], retention=RetentionPolicy.INTEREST
        )
    )
    yield context
    await client.close()


async def _consume(context: JetStreamContext, *, name: str) -> list[str]:
    pull = await context.pull_subscribe_bind(name, STREAM)
    pending = (await context.consumer_info(STREAM, name)).num_pending
    messages = await pull.fetch(pending + 1, timeout=0.5) if pending else []
    return [message.subject for message in messages]


async def _add(context: JetStreamContext, *, name: str, filters: tuple[str, ...]) -> None:
    await context.add_consumer(
        STREAM, ConsumerConfig(durable_name=name, filter_subjects=list(filters), deliver_policy=DeliverPolicy.NEW)
    )


async def test_every_type_is_stored_and_routed_to_its_own_subscription_only(jetstream: JetStreamContext) -> None:
    own = {f"sub_{number}": events_subject("shop", event_type) for number, event_type in enumerate(TYPES)}
    for name, subject in own.items():
        await _add(jetstream, name=name, filters=(subject, direct_subject("shop", name.replace("_", "-"))))
    await _add(jetstream, name="sub_all", filters=(filter_subject("shop", "**"),))
    for event_type in TYPES:
        await jetstream.publish(events_subject("shop", event_type), b"{}")
    for name, subject in own.items():
        assert await _consume(jetstream, name=name) == [subject]
    stored = await _consume(jetstream, name="sub_all")
    assert [event_type_of(subject) for subject in stored] == TYPES


async def test_filters_that_overlap_in_part_are_accepted_and_deliver_once(jetstream: JetStreamContext) -> None:
    filters = filter_subjects("shop", ["a.*.c", "a.b.*", "*.b.c", "x.**", "x.y", "x"], "crm")
    await _add(jetstream, name="sub_crm", filters=filters)
    types = ["a.b.c", "a.x.c", "a.b.x", "x.y", "x.y.z", "x", "a.x.x", "y"]
    for event_type in types:
        await jetstream.publish(events_subject("shop", event_type), b"{}")
    await jetstream.publish(direct_subject("shop", "crm"), b"{}")
    subjects = [*(events_subject("shop", event_type) for event_type in types), direct_subject("shop", "crm")]
    expected = [subject for subject in subjects if any(matches(one, subject) for one in filters)]
    assert await _consume(jetstream, name="sub_crm") == expected
    assert len(expected) == len(types) - 1


async def test_the_server_refuses_the_filters_that_we_leave_out(jetstream: JetStreamContext) -> None:
    both = (filter_subject("shop", "a.*"), filter_subject("shop", "a.b"))
    with pytest.raises(BadRequestError) as caught:
        await _add(jetstream, name="sub_crm", filters=both)
    assert caught.value.err_code == 10138
    await _add(jetstream, name="sub_crm", filters=filter_subjects("shop", ["a.*", "a.b"], "crm"))
