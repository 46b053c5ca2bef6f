"""`jethook publish` against the streams that the operator makes, when they have no room."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.streams import Streams, StreamSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.raw_nats import RawNats

EVENTS_STREAM = "JETHOOK_EVENTS_default"
SMALL = StreamSettings(
    install_id="test",
    events_max_bytes=200_000,
    deadletters_max_bytes=1_000_000,
)


async def _publish(server: NatsServer, data: Path, *, count: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jethook_cli", "publish", "com.example.made", "--nats", server.url]
    options = ["--data-file", str(data), "--count", str(count)]
    return await asyncio.to_thread(
        subprocess.run, [*command, *options], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'"\xff"', "the data is not UTF-8: character 1 cannot be read"),
        (b"{", "the data is no JSON"),
        (b'{"a": 1}, "id": "other"', "the data is no JSON: Extra data"),
        (b"NaN", "not valid JSON"),
        (b"[" * 100_000, "nested too deep"),
    ],
    ids=["no UTF-8", "no JSON", "a second member", "NaN", "too deep"],
)
def test_data_that_cannot_be_sent_is_refused_in_one_line(data: bytes, told: str) -> None:
    command = [sys.executable, "-m", "jethook_cli", "publish", "com.example.made", "--nats", "nats://127.0.0.1:1"]
    done = subprocess.run([*command, "--data-file", "-"], input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1, "one line, no traceback"
    assert told in done.stderr.decode()


@pytest.mark.component
async def test_a_full_stream_is_told_to_the_publisher_and_keeps_all_that_it_accepted(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    await Streams(JetStreamApi(client), settings=SMALL).ensure_namespace("default", uid="")
    js = client.jetstream()
    waits = ConsumerConfig(durable_name="sub_orders", deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.EXPLICIT)
    await js.add_consumer(EVENTS_STREAM, waits)
    data = tmp_path / "data.json"
    data.write_text(json.dumps("x" * 10_000))

    refused = await _publish(nats_server, data, count=100)
    accepted = refused.stdout.split()
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1, "one line, no traceback"
    assert "StreamFull" in refused.stderr
    assert "namespace default is full, nothing was stored or evicted" in refused.stderr
    assert "jethook get subscriptions -n default" in refused.stderr
    assert 10 < await RawNats(js).stored() < 20

    pull = await js.pull_subscribe_bind("sub_orders", stream=EVENTS_STREAM)
    stored = await pull.fetch(len(accepted) + 20, timeout=1)
    assert {json.loads(message.data)["id"] for message in stored} >= set(accepted)
    for message in stored:
        await message.ack_sync()
    assert len(accepted) >= 1
    assert (await _publish(nats_server, data, count=1)).returncode == 0, "the room is there again"
    await client.close()
