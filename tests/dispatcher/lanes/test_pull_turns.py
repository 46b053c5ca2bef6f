"""A batch that a consumer sends at once lets other work of the process in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, cast

from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.pull import Puller

BATCH = 100


class Inboxes:
    """Stand for a connection: keep what was subscribed with."""

    def __init__(self) -> None:
        self.receive: Callable[[Msg], Awaitable[None]] | None = None
        self.subject = "_INBOX.one"

    def new_inbox(self) -> str:
        return self.subject

    async def subscribe(self, subject: str, *, cb: Callable[[Msg], Awaitable[None]]) -> Any:
        assert subject == self.subject
        self.receive = cb
        return self

    async def publish(self, subject: str, payload: bytes, *, reply: str) -> None:
        """Take a request."""


async def test_other_work_has_its_turn_several_times_within_a_batch() -> None:
    connection, taken, turns = Inboxes(), list[int](), list[int]()

    async def on_message(message: Msg) -> None:
        taken.append(int(message.reply.split(".")[5]))

    async def on_room() -> None:
        pass

    async def other_work() -> None:
        while len(taken) < BATCH:
            turns.append(len(taken))
            await asyncio.sleep(0)

    puller = Puller(
        cast("Client", connection),
        stream="s",
        consumer="c",
        clock=Clock(),
        on_message=on_message,
        on_room=on_room,
        on_heard=lambda: None,
    )
    await puller.ask(BATCH, max_bytes=1024)
    assert connection.receive is not None
    waiting = asyncio.ensure_future(other_work())
    # As nats-py does with what is already in its queue: without a pause of its own.
    for sequence in range(1, BATCH + 1):
        await connection.receive(_message(sequence))
    await waiting
    assert taken == list(range(1, BATCH + 1))
    assert len(turns) >= BATCH // 25
    assert max(after - before for before, after in pairwise(turns)) <= BATCH // 4


def _message(sequence: int) -> Msg:
    return Msg(_client=cast("Client", None), reply=f"$JS.ACK.s.c.1.{sequence}.{sequence}.1.0", data=b"{}")
