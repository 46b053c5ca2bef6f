"""The receivers do over a real socket what their behaviours say."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from tests.fixtures.behaviours import answers, failing, flooding, hanging, hanging_up, hanging_up_in_mid_answer, slow
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

Factory = Callable[..., Receiver]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


async def test_records_headers_body_and_time(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    before = time.monotonic()
    async with session.post(receiver.url, data=b"event", headers={"Webhook-Id": "msg_1"}) as response:
        assert response.status == 200
    (received,) = receiver.requests
    assert (received.method, received.path, received.body) == ("POST", "/hook", b"event")
    assert received.headers["webhook-id"] == "msg_1"
    assert before <= received.at <= time.monotonic()


async def test_fails_as_listed_for_each_key_then_accepts(receivers: Factory, session: aiohttp.ClientSession) -> None:
    by_id = failing([500, 503], headers={"Retry-After": "3"}, per=lambda received: received.headers["webhook-id"])
    receiver = receivers(by_id)
    seen = []
    for event in ("a", "a", "b", "a", "b", "b"):
        async with session.post(receiver.url, headers={"webhook-id": event}) as response:
            seen.append((event, response.status, response.headers.get("Retry-After")))
    assert seen == [
        ("a", 500, "3"),
        ("a", 503, "3"),
        ("b", 500, "3"),
        ("a", 200, None),
        ("b", 503, "3"),
        ("b", 200, None),
    ]


async def test_counts_open_requests_until_the_client_goes(receivers: Factory, session: aiohttp.ClientSession) -> None:
    receiver = receivers(hanging())
    requests = [asyncio.create_task(session.post(receiver.url)) for _ in range(3)]
    await receiver.wait_for_open_requests(3)
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    await eventually(lambda: receiver.open_requests == 0)
    assert receiver.most_open_requests == 3


async def test_answers_late_when_slow(receivers: Factory, session: aiohttp.ClientSession) -> None:
    receiver = receivers(slow(0.2, then=answers(204)))
    started = time.monotonic()
    async with session.post(receiver.url) as response:
        assert response.status == 204
    assert time.monotonic() - started >= 0.2


async def test_hangs_up_without_an_answer(receivers: Factory, session: aiohttp.ClientSession) -> None:
    receiver = receivers(hanging_up())
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await session.post(receiver.url)
    assert len(receiver.requests) >= 1


async def test_hangs_up_in_mid_answer(receivers: Factory, session: aiohttp.ClientSession) -> None:
    async with session.post(receivers(hanging_up_in_mid_answer()).url) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_floods_ten_mebibytes(receivers: Factory, session: aiohttp.ClientSession) -> None:
    async with session.post(receivers(flooding()).url) as response:
        assert len(await response.read()) == 10 * 1024 * 1024


async def test_takes_requests_while_the_loop_of_the_test_is_blocked(
    receiver: Receiver, session: aiohttp.ClientSession
) -> None:
    request = asyncio.create_task(session.post(receiver.url))
    async with asyncio.timeout(5):
        while not receiver.requests:
            await asyncio.sleep(0)
            time.sleep(0.01)  # noqa: ASYNC251  # blocking the loop is what this test is about
    (await request).release()


async def test_refuses_connections_between_stop_and_start(receiver: Receiver, session: aiohttp.ClientSession) -> None:
    receiver.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.post(receiver.url)
    receiver.start()
    async with session.post(receiver.url) as response:
        assert response.status == 200
