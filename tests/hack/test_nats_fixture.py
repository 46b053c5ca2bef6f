"""The nats_server fixture is a real server that keeps its store."""

import asyncio
from pathlib import Path

import nats
import pytest
from nats.js.errors import APIError

from tests.fixtures.nats import NatsServer


async def test_a_stream_survives_kill_and_start(nats_server: NatsServer) -> None:
    reconnected = asyncio.Event()

    async def notice() -> None:
        reconnected.set()

    async with await nats.connect(
        nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, reconnected_cb=notice
    ) as client:
        jetstream = client.jetstream()
        await jetstream.add_stream(name="kept", subjects=["kept.>"])
        await jetstream.publish("kept.one", b"event")
        first_pid = nats_server.pid
        nats_server.kill()
        assert not nats_server.running
        nats_server.start()
        assert nats_server.pid != first_pid
        await asyncio.wait_for(reconnected.wait(), 10)
        assert (await jetstream.stream_info("kept")).state.messages == 1


async def test_a_paused_server_answers_only_after_resume(nats_server: NatsServer) -> None:
    async with await nats.connect(nats_server.url) as client:
        nats_server.pause()
        with pytest.raises(TimeoutError):
            await client.request("$JS.API.INFO", timeout=0.5)
        nats_server.resume()
        assert b"streams" in (await client.request("$JS.API.INFO", timeout=5)).data


@pytest.mark.component
async def test_a_small_store_refuses_a_large_stream(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", jetstream_config="max_file_store: 1MB")
    server.start()
    try:
        async with await nats.connect(server.url) as client:
            with pytest.raises(APIError) as refusal:
                await client.jetstream().add_stream(name="large", subjects=["large.>"], max_bytes=2_000_000)
            assert refusal.value.err_code == 10047
    finally:
        server.close()
