"""What a producer puts into the stream past every gateway is delivered or dead-lettered, and harms nobody else."""

import json
from collections.abc import Callable

import pytest

from jethook_contract.plan import RetryPolicy
from jethook_contract.subjects import events_subject
from tests.dispatcher.lanes.world import EVENT_TYPE, NAMESPACE, World, event, ids_of
from tests.fixtures.behaviours import answers
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.raw_headers import MALFORMED, publish_with
from tests.fixtures.receivers import Receiver

pytestmark = [pytest.mark.component, pytest.mark.usefixtures("local")]

ONCE = RetryPolicy(max_attempts=1)
SUBJECT = events_subject(NAMESPACE, EVENT_TYPE)


async def test_malformed_header_blocks_are_dead_lettered_and_the_process_hears_on(
    world: World, receiver: Receiver, nats_server: NatsServer
) -> None:
    await world.subscribe("strict", url=receiver.url)
    for name, block in MALFORMED.items():
        body = json.dumps({"id": name}).encode()  # no event without the attributes that the headers should hold
        await publish_with(block, url=nats_server.url, subject=SUBJECT, body=body)
    published = await world.publish(2)
    await eventually(lambda: world.done("strict"))
    assert sorted(ids_of(received.body for received in receiver.requests)) == sorted(published)
    assert sorted(letter["id"] for letter in await world.dead_letters("strict")) == sorted(MALFORMED)


@pytest.mark.parametrize("name", [b"a(b", b"a@b", b'"a"', b"a/b"])
async def test_a_dead_letter_is_stored_without_header_names_that_cannot_be_sent(
    world: World, receivers: Callable[..., Receiver], nats_server: NatsServer, name: bytes
) -> None:
    receiver = receivers(answers(500))
    await world.subscribe("odd", url=receiver.url, retry=ONCE)
    block = b"NATS/1.0\r\n" + name + b": x\r\nX-Team: red\r\n\r\n"
    await publish_with(block, url=nats_server.url, subject=SUBJECT, body=event("event-odd"))
    await eventually(lambda: world.done("odd"))
    (letter,) = await world.dead_letters("odd")
    assert (letter["id"], letter["X-Team"], letter["Jethook-Attempts"]) == ("event-odd", "red", "1")
    assert name.decode() not in letter
