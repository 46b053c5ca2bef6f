"""An event that was published to a real server is read as it was sent."""

from __future__ import annotations

import nats
import pytest
from nats.js.api import StreamConfig

from jethook_contract.cloudevents import CloudEvent, to_binary, to_structured
from jethook_contract.subjects import events_subject
from jethook_processing.parse import parse_message
from jethook_processing.render import render
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component

EVENT = CloudEvent(
    id="17 % 1",
    source="/größe/\U0001f600",
    type="a b.*.>",
    subject='"quoted": text',
    datacontenttype="application/json; charset=utf-8",
    extensions={"ext": "ü", "empty": "", "trace": "00-ab"},
    data=b'{"amount":1.50,"big":1e400}',
)


async def test_an_event_comes_back_in_both_modes(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    await jetstream.add_stream(StreamConfig(name="E", subjects=["jethook.events.shop.>"]))
    subject = events_subject("shop", EVENT.type)
    headers, body = to_binary(EVENT)
    await jetstream.publish(subject, body, headers={**headers, "Nats-Msg-Id": "1"})
    await jetstream.publish(subject, to_structured(EVENT))
    pull = await jetstream.pull_subscribe(subject, durable="d")
    messages = await pull.fetch(2, timeout=5)
    assert [parse_message(message.headers, message.data) for message in messages] == [EVENT, EVENT]
    assert render(parse_message(messages[0].headers, messages[0].data), output_format="Data").body == EVENT.data
    await client.close()
