"""Pull messages of one consumer, with requests that are open ahead of need.

`nats-py`'s `fetch` makes an inbox, a request and timers for each call. Here one inbox stays open, each request says how
many messages it takes at most, and several may be open. Source: nats-server, `$JS.API.CONSUMER.MSG.NEXT`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from jethook_dispatcher.core.lane_reply import is_jetstream_reply

EXPIRES_SECONDS = 30.0
_LATE_SECONDS = 5.0
_GRID_SECONDS = 0.1
"""Requests end at multiples of it, so that those of many quiet consumers cost the process one wake-up together."""
_STRETCH_MESSAGES = 16
"""After so many the other lanes get their turn: a whole batch in one stretch would hold them up by a millisecond."""
_FIRST_BACK_OFF_SECONDS = 1.0
_MAX_BACK_OFF_SECONDS = 30.0
_ENDED_AS_ASKED = frozenset({"404", "408"})
_COMPLETED = "Batch Completed"
_FULL = "Message Size Exceeds MaxBytes"

OnMessage = Callable[[Msg], Awaitable[None]]
OnRoom = Callable[[], Awaitable[None]]

_log = structlog.get_logger(__name__)


class MonotonicClock(Protocol):
    """What a puller needs of the clock."""

    def monotonic(self) -> float:
        """Give seconds of a clock that never goes back."""


class Puller:
    """Ask one consumer for messages and hand them on in the order in which they come.

    `asked` counts the messages that open requests may still bring, `heard` what the consumer has sent so far: messages,
    and ends of requests before their time; `on_heard` is called for each. `on_room` is called when a request has ended
    with fewer. A consumer that is missing answers each request at once: asking then backs off, up to 30 s.
    """

    def __init__(
        self,
        client: Client,
        *,
        stream: str,
        consumer: str,
        clock: MonotonicClock,
        on_message: OnMessage,
        on_room: OnRoom,
        on_heard: Callable[[], None],
    ) -> None:
        self.asked = 0
        self.heard = 0
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._consumer = f"{stream}/{consumer}"
        self._clock = clock
        self._on_message = on_message
        self._on_room = on_room
        self._on_heard = on_heard
        self._inbox: Subscription | None = None
        self._deadline = 0.0
        self._closed_until = 0.0
        self._back_off = 0.0

    @property
    def stopped(self) -> bool:
        """Tell whether no inbox is open, so that no message can come."""
        return self._inbox is None

    def may_ask(self) -> bool:
        """Tell whether a request can be sent now."""
        return self._client.is_connected and self._clock.monotonic() >= self._closed_until

    async def ask(self, batch: int, *, max_bytes: int) -> None:
        """Send one request for at most `batch` messages and about `max_bytes` of them."""
        self.asked += batch
        if self._inbox is None:
            inbox = self._client.new_inbox()
            self._inbox = await self._client.subscribe(inbox, cb=self._receive)
        now = self._clock.monotonic()
        expires_seconds = EXPIRES_SECONDS + _GRID_SECONDS - now % _GRID_SECONDS
        self._deadline = now + expires_seconds + _LATE_SECONDS
        request = {"batch": batch, "expires": int(expires_seconds * 1e9), "max_bytes": max_bytes}
        await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox.subject)

    async def reset(self) -> None:
        """Forget what was asked for and close the inbox; the next ask opens another."""
        inbox, self._inbox, self.asked = self._inbox, None, 0
        if inbox is not None and not self._client.is_closed:
            await inbox.unsubscribe()

    async def drain(self) -> None:
        """Close the inbox and hand on what is already on its way; not to be called by who handles a message."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None and self._client.is_connected:
            try:
                async with asyncio.timeout(_LATE_SECONDS):
                    await inbox.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
            except (NatsError, TimeoutError) as exc:
                _log.warning("inbox not drained", consumer=self._consumer, error=type(exc).__name__)
        self.asked = 0

    def late(self, *, now: float) -> bool:
        """Tell whether the last request should have ended long ago."""
        return self.asked > 0 and now > self._deadline

    async def reset_when_late(self) -> None:
        """Reset when the last request should have ended long ago: its end was lost on the way."""
        if self.late(now=self._clock.monotonic()):
            _log.warning("pull request lost", consumer=self._consumer, asked=self.asked)
            await self.reset()

    async def _receive(self, message: Msg) -> None:
        if not is_jetstream_reply(message.reply):
            await self._ended(message)
            return
        self.asked = max(0, self.asked - 1)
        self._hear()
        self._back_off = 0.0
        await self._on_message(message)
        if self.heard % _STRETCH_MESSAGES == 0:
            await asyncio.sleep(0)

    async def _ended(self, message: Msg) -> None:
        headers = message.headers or {}
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if description == _COMPLETED:
            return
        try:
            unused = int(headers["Nats-Pending-Messages"])
        except (KeyError, ValueError):
            unused = self.asked
        self.asked = max(0, self.asked - unused)
        if status not in _ENDED_AS_ASKED:
            self._hear()
            if description != _FULL:
                self._wait(status, description=description)
        try:
            await self._on_room()
        except NatsError as exc:
            _log.warning("pull request not sent", consumer=self._consumer, error=type(exc).__name__)

    def _hear(self) -> None:
        self.heard += 1
        self._on_heard()

    def _wait(self, status: str, *, description: str) -> None:
        self._back_off = min(_MAX_BACK_OFF_SECONDS, max(_FIRST_BACK_OFF_SECONDS, self._back_off * 2))
        self._closed_until = self._clock.monotonic() + self._back_off
        _log.warning(
            "pull request refused",
            consumer=self._consumer,
            status=status,
            description=description,
            again_in_seconds=self._back_off,
        )
