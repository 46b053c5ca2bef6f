"""What a member gives up is at once another's; nothing lies until `ack_wait`."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.dispatcher.lanes.world import World, ids_of
from tests.fixtures.behaviours import failing, slow
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component


class BusyListener:
    """A socket whose queue of connections is full: connecting to it takes until `accepting`, and a second more."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(0)
        self._socket.setblocking(False)
        self._queue = [self._connect() for _ in range(3)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/hook"

    @asynccontextmanager
    async def accepting(self) -> AsyncIterator[list[bytes]]:
        """Take every connection from now on; gives what they send first, for those that send something."""
        heard: list[bytes] = []
        async with await asyncio.start_server(self._hear(heard), sock=self._socket.dup()):
            yield heard

    def close(self) -> None:
        for one in (self._socket, *self._queue):
            one.close()

    def _connect(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(self._socket.getsockname())
        return client

    @staticmethod
    def _hear(heard: list[bytes]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                if first := await reader.read(1024):
                    heard.append(first)
            writer.close()

        return hear


@pytest.fixture
def busy() -> Iterator[BusyListener]:
    listener = BusyListener()
    yield listener
    listener.close()


async def test_an_attempt_that_was_still_connecting_at_hand_over_is_given_back_unsent(
    world: World, local: Callable[[], Awaitable[int]], busy: BusyListener
) -> None:
    await world.subscribe("slow", url=busy.url, ack_wait_seconds=30)
    published = await world.publish(1)

    async def begun() -> bool:
        return await world.waiting("slow") == (0, 1)

    await eventually(begun)
    leaving = asyncio.ensure_future(local())
    async with busy.accepting() as heard:
        assert await leaving == 0
    assert heard == []
    message = await world.handed_out("slow", seconds=3)
    assert message is not None, "the event lies until ack_wait"
    assert ids_of([message.data]) == published


@pytest.mark.usefixtures("local")
async def test_retry_after_is_kept_when_nats_is_away_while_the_attempt_fails(
    world: World, receivers: Callable[..., Receiver], nats_server: NatsServer
) -> None:
    receiver = receivers(slow(0.5, then=failing([503], headers={"Retry-After": "6"})))
    await world.subscribe("patient", url=receiver.url, ack_wait_seconds=2)
    await world.publish(1)
    await receiver.wait_for_open_requests(1)
    nats_server.kill()
    await eventually(lambda: not receiver.open_requests)
    await asyncio.to_thread(nats_server.start)
    first, second = await receiver.wait_for_requests(2, seconds=15)
    assert second.at - first.at >= 5.9
    assert [one.headers["jethook-attempt"] for one in (first, second)] == ["1", "2"]
