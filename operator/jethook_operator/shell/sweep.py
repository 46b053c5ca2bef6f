"""Remove a consumer so that the room of what waited for it comes back (design section 4, "Removing a consumer").

A consumer deleted with much waiting leaves messages that nobody needs and nobody frees (nats-server #6747, #7766). So a
second consumer with the same filters, `sweep_<name>`, is made first and holds an interest in all of it; the consumer
goes; then the sweep is acknowledged empty and goes too. A sweep that is found is carried on.
"""

from __future__ import annotations

import asyncio
from typing import Any

import nats.errors
import structlog
from nats.aio.msg import Msg

from jethook_contract import names
from jethook_operator.shell.jetstream import NANOSECONDS, JetStreamApi, unreachable
from jethook_operator.shell.streams import Streams

BATCH = 5_000
_ACK_WAIT_SECONDS = 30
_EXPIRES_SECONDS = 1.0
_SILENCE_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Sweeper:
    """Remove consumers for good, the waiting events with them."""

    def __init__(self, api: JetStreamApi, *, streams: Streams) -> None:
        self._api = api
        self._streams = streams

    async def detach(self, stream: str, subscription: str) -> None:
        """Put the sweep in the consumer's place; quick. Does nothing when the consumer is gone or another's."""
        consumer = names.subscription_consumer(subscription)
        found = await self._api.find(f"CONSUMER.INFO.{stream}.{consumer}")
        if found is None or not self._streams.owns(found["config"]):
            return
        await self._create(stream, names.sweep_consumer(subscription), of=found["config"])
        await self._api.find(f"CONSUMER.DELETE.{stream}.{consumer}")

    async def drain(self, stream: str, subscription: str) -> None:
        """Acknowledge all that the sweep holds, then delete it; about 25,000 events a second.

        Events that come while it works are its too; what was there at the start is what has to go.
        """
        name = names.sweep_consumer(subscription)
        target = (await self._streams.usage(stream)).last_sequence
        pull = _Pull(self._api, stream=stream, consumer=name)
        await pull.open()
        try:
            acknowledged = 0
            while await self._holds(stream, name, up_to=target):
                acknowledged += await pull.acknowledge_batch()
        finally:
            await pull.close()
        await self._api.find(f"CONSUMER.DELETE.{stream}.{name}")
        _log.info("consumer_removed", stream=stream, subscription=subscription, events=acknowledged)

    async def _holds(self, stream: str, name: str, *, up_to: int) -> bool:
        info = await self._api.find(f"CONSUMER.INFO.{stream}.{name}")
        if info is None or not (info["num_pending"] or info["num_ack_pending"]):
            return False
        return bool(info["ack_floor"]["stream_seq"] < up_to)

    async def _create(self, stream: str, name: str, *, of: dict[str, Any]) -> None:
        config = {
            "name": name,
            "durable_name": name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": _ACK_WAIT_SECONDS * NANOSECONDS,
            "max_deliver": -1,
            "max_ack_pending": -1,
            "headers_only": True,
            "filter_subjects": of.get("filter_subjects") or [of.get("filter_subject", "")],
            "metadata": {names.METADATA_INSTALL_ID: of["metadata"][names.METADATA_INSTALL_ID]},
        }
        if await self._api.find(f"CONSUMER.INFO.{stream}.{name}") is None:
            request = {"stream_name": stream, "action": "create", "config": config}
            await self._api.request(f"CONSUMER.CREATE.{stream}.{name}", request)


class _Pull:
    """Fetch in big batches and acknowledge without waiting for each."""

    def __init__(self, api: JetStreamApi, *, stream: str, consumer: str) -> None:
        self._client = api.client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = self._client.new_inbox()
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()

    async def open(self) -> None:
        """Listen for messages."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._queue.put)

    async def close(self) -> None:
        """Listen no more."""
        if not self._client.is_closed:
            await self._subscription.unsubscribe()

    async def acknowledge_batch(self) -> int:
        """Ask for a batch, acknowledge what comes, count it; returns when the server says that no more comes now."""
        request = b'{"batch":%d,"expires":%d}' % (BATCH, int(_EXPIRES_SECONDS * NANOSECONDS))
        acknowledged = 0
        try:
            await self._client.publish(self._subject, request, reply=self._inbox)
            while acknowledged < BATCH:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    message = await self._queue.get()
                if "$JS.ACK." not in message.reply:
                    break  # a status: the request is over
                await self._client.publish(message.reply, b"+ACK")
                acknowledged += 1
            await self._client.flush()
        except TimeoutError:
            return acknowledged
        except nats.errors.Error as exc:
            raise unreachable() from exc
        return acknowledged
