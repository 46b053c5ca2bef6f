"""Tell JetStream what became of a message.

While the connection is away only successes are said: they wait in nats-py's buffer and are true whenever they arrive.
A nak or an `in_progress` that arrives late acts on what another member may hold by then (design section 6, rule 4).
"""

from __future__ import annotations

import asyncio
import json
import time

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from jethook_dispatcher.shell.lane_held import Held

_IN_PROGRESS = b"+WPI"
RECONNECT_POLL_SECONDS = 0.1
_NAK = b"-NAK"
_MAX_REASON_CHARACTERS = 128

_log = structlog.get_logger(__name__)


class Acks:
    """Answer messages; what cannot be said is left to `ack_wait`: the server then hands the message out again."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ack(self, held: Held) -> None:
        """Say that the event is done with."""
        await self._say(held, b"")

    async def nak(self, held: Held, *, delay_seconds: float = 0.0) -> None:
        """Give the message back; the server hands it out again after the delay."""
        asked_at = time.monotonic()
        while not self._client.is_connected:
            if not delay_seconds or not held.grant.holds():
                return
            await asyncio.sleep(RECONNECT_POLL_SECONDS)
        if not held.grant.holds():
            return
        delay = int((delay_seconds - (time.monotonic() - asked_at)) * 1e9)
        await self._say(held, _NAK + b" " + json.dumps({"delay": delay}).encode() if delay > 0 else _NAK)

    async def in_progress(self, held: Held) -> None:
        """Ask for another `ack_wait`."""
        if self._client.is_connected:
            await self._say(held, _IN_PROGRESS)

    async def terminate(self, held: Held, *, reason: str) -> None:
        """End the message for this consumer; `reason` appears in the server's advisory."""
        text = " ".join(reason.split())[:_MAX_REASON_CHARACTERS]
        await self._say(held, f"+TERM {text}".encode())

    async def _say(self, held: Held, what: bytes) -> None:
        try:
            await self._client.publish(held.message.reply, what)
        except NatsError as exc:
            _log.warning("answer not sent", sequence=held.handed.sequence, error=type(exc).__name__)
