"""What a chaos run asks of NATS: is everything laid, what is handed out, what waits, what is in the dead letters."""

from __future__ import annotations

import asyncio
import time

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from hack.chaos_kinds import KINDS
from hack.chaos_verdict import Pair
from jethook_contract.cloudevents import parse_structured
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.names import deadletters_stream, events_stream, subscription_consumer

NAMESPACE = "default"
_EVENTS = events_stream(NAMESPACE)
_DEADLETTERS = deadletters_stream(NAMESPACE)
_POLL_SECONDS = 0.5


class ChaosNats:
    """A connection of the harness's own, past every proxy."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._jetstream: JetStreamContext = client.jetstream(timeout=3)

    @classmethod
    async def open(cls, url: str) -> ChaosNats:
        """Connect."""
        return cls(await connect(ConnectionSettings(servers=(url,), name="chaos"), hooks=ConnectionHooks()))

    async def await_consumers(self, *, seconds: float) -> None:
        """Wait until every Subscription has its consumer; TimeoutError names the first that has none."""
        deadline = time.monotonic() + seconds
        for kind in KINDS:
            while not await self._has_consumer(kind.name):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Subscription {kind.name} has no consumer after {seconds:.0f} s")
                await asyncio.sleep(_POLL_SECONDS)

    async def in_flight(self) -> int:
        """Count the messages that are handed out and not acknowledged, over all consumers."""
        found = await asyncio.gather(
            *(self._jetstream.consumer_info(_EVENTS, subscription_consumer(kind.name)) for kind in KINDS)
        )
        return sum(info.num_ack_pending or 0 for info in found)

    async def await_empty(self, *, seconds: float) -> str:
        """Wait until no event waits for anybody; gives what still waits when the time is up, empty for nothing."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if (await self._jetstream.stream_info(_EVENTS)).state.messages == 0:
                    return ""
            except (NatsError, JetStreamError, TimeoutError):
                pass  # asked again below
            if time.monotonic() > deadline:
                return await self._waiting()
            await asyncio.sleep(_POLL_SECONDS)

    async def dead_letters(self) -> set[Pair]:
        """Read the dead letters."""
        state = (await self._jetstream.stream_info(_DEADLETTERS)).state
        pairs = set()
        for sequence in range(max(1, state.first_seq), state.last_seq + 1):
            try:
                message = await self._jetstream.get_msg(_DEADLETTERS, sequence)
            except NotFoundError:
                continue
            subscription = (message.subject or "").rpartition(".")[2]
            pairs.add((parse_structured(message.data or b"").id, f"{NAMESPACE}/{subscription}"))
        return pairs

    async def _has_consumer(self, name: str) -> bool:
        try:
            await self._jetstream.consumer_info(_EVENTS, subscription_consumer(name))
        except (NatsError, JetStreamError, TimeoutError):
            return False
        return True

    async def _waiting(self) -> str:
        lines = []
        for kind in KINDS:
            try:
                info = await self._jetstream.consumer_info(_EVENTS, subscription_consumer(kind.name))
            except (NatsError, JetStreamError, TimeoutError) as exc:
                lines.append(f"{kind.name}: {type(exc).__name__}")
                continue
            if info.num_pending or info.num_ack_pending:
                lines.append(f"{kind.name}: {info.num_pending} pending, {info.num_ack_pending} handed out")
        return "; ".join(lines) or "events that no consumer wants"
