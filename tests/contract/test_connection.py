"""The one place that connects to NATS: patient, and silent about what a URL holds."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from nats.aio.msg import Msg

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, connect_patiently
from jethook_contract.errors import Unavailable
from tests.fixtures.nats import NatsServer, free_port
from tests.fixtures.poll import eventually


async def test_a_server_that_is_not_there_is_named_without_its_token() -> None:
    settings = ConnectionSettings(servers=(f"nats://hunter2@127.0.0.1:{free_port()}",), connect_timeout_seconds=1)
    with pytest.raises(Unavailable) as failure:
        await connect(settings, hooks=ConnectionHooks())
    assert "127.0.0.1" in failure.value.message
    assert "hunter2" not in str(failure.value)


async def test_a_late_server_is_waited_for_and_its_close_is_still_told(nats_server: NatsServer) -> None:
    nats_server.stop()
    failures: list[Unavailable] = []
    closed = asyncio.Event()
    hooks = ConnectionHooks(closed=[_setter(closed)])
    settings = ConnectionSettings(servers=(nats_server.url,), connect_timeout_seconds=1)
    waiting = asyncio.create_task(
        connect_patiently(settings, hooks=hooks, stop=asyncio.Event(), waiting=failures.append)
    )
    await eventually(lambda: failures)
    assert not closed.is_set()
    await asyncio.to_thread(nats_server.start)
    client = await waiting
    assert client is not None
    await client.close()
    assert closed.is_set()


async def test_waiting_ends_when_told_to_stop() -> None:
    stop = asyncio.Event()
    settings = ConnectionSettings(servers=(f"nats://127.0.0.1:{free_port()}",), connect_timeout_seconds=1)
    waiting = connect_patiently(settings, hooks=ConnectionHooks(), stop=stop, waiting=lambda _: stop.set())
    assert await waiting is None


def _setter(event: asyncio.Event):  # noqa: ANN202 -- a hook
    async def hook() -> None:
        event.set()

    return hook


async def test_a_cancellation_that_meets_an_answer_is_not_lost(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    try:
        asked = asyncio.Event()
        await client.subscribe("questions", cb=_answer_after(asked))

        async def lossy(awaited: asyncio.Future[object], timeout: float) -> object:  # noqa: ASYNC109 -- its signature
            try:
                return await asyncio.shield(awaited)
            except asyncio.CancelledError:
                return await awaited

        monkeypatch.setattr("nats.aio.client.asyncio.wait_for", lossy)
        task = asyncio.create_task(client.request("questions", b"?", timeout=5))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        monkeypatch.undo()
        await client.close()


def _answer_after(asked: asyncio.Event) -> Callable[[Msg], Awaitable[None]]:
    async def answer(message: Msg) -> None:
        asked.set()
        await asyncio.sleep(0.05)
        await message.respond(b"!")

    return answer
