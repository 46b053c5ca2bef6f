"""A connection outlives every message that a server lets through, whatever stands in its header block."""

import pytest
from nats.aio.msg import Msg

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.raw_headers import MALFORMED, publish_with

pytestmark = pytest.mark.component


async def test_a_connection_reads_on_after_a_malformed_header_block(nats_server: NatsServer) -> None:
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    came: list[bytes] = []

    async def take(message: Msg) -> None:
        came.append(message.data)

    try:
        await client.subscribe("inbox.*", cb=take)
        await client.flush()
        for name, block in MALFORMED.items():
            await publish_with(block, url=nats_server.url, subject="inbox.odd", body=name.encode())
        await eventually(lambda: len(came) >= len(MALFORMED), seconds=3)
    finally:
        await client.close()
    assert came == [name.encode() for name in MALFORMED]


async def test_well_formed_headers_are_still_read(nats_server: NatsServer) -> None:
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    try:
        inbox = await client.subscribe("inbox.*")
        await client.publish("inbox.good", b"x", headers={"ce-id": "1", "ce-type": "com.example.made"})
        message = await inbox.next_msg(timeout=3)
    finally:
        await client.close()
    assert message.headers == {"ce-id": "1", "ce-type": "com.example.made"}
