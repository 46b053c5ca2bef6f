"""The bare loop to compare with: fetch, sign, POST, ack, and nothing else.

`python -m bench.reference NATS_URL STREAM CONSUMER TARGET COUNT`: the product's batch (one width ahead), signing,
headers and body, and aiohttp as it comes, with the cookies off. Prints the CPU seconds that the loop took.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque

import aiohttp
import uvloop
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import SecretStr

from bench.installation import SIGNING_KEY, WIDTH
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.plan import SigningKey
from jethook_dispatcher.core.signing import Signer


class Loop:
    """One width of workers, and a fetcher that keeps one width ahead of them."""

    def __init__(self, *, target: str, count: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._signer = Signer([SigningKey(keys=(SecretStr(SIGNING_KEY),))])
        self._target = target
        self._left = count
        self._queue: deque[Msg] = deque()
        self._filled = asyncio.Condition()

    async def run(self, subscription: JetStreamContext.PullSubscription) -> None:
        """Deliver all."""
        async with asyncio.TaskGroup() as tasks:
            fetcher = tasks.create_task(self._fetch(subscription))
            async with asyncio.TaskGroup() as workers:
                for _ in range(WIDTH):
                    workers.create_task(self._work())
            fetcher.cancel()
        await self._session.close()

    async def _fetch(self, subscription: JetStreamContext.PullSubscription) -> None:
        while True:
            if len(self._queue) > WIDTH // 2:
                await asyncio.sleep(0)
                continue
            try:
                messages = await subscription.fetch(WIDTH, timeout=1)
            except TimeoutError:
                continue
            async with self._filled:
                self._queue.extend(messages)
                self._filled.notify_all()

    async def _work(self) -> None:
        while self._left > 0:
            if not self._queue:
                async with self._filled:
                    await self._filled.wait_for(lambda: self._queue or self._left <= 0)
                continue
            message = self._queue.popleft()
            self._left -= 1
            await self._post(message)
        async with self._filled:
            self._filled.notify_all()

    async def _post(self, message: Msg) -> None:
        timestamp = int(time.time())
        signature = self._signer.sign(message.data, webhook_id="msg_reference", timestamp=timestamp)
        headers = {
            "content-type": "application/cloudevents+json",
            "user-agent": "jethook/reference",
            "jethook-subscription": "bench/reference",
            "jethook-attempt": "1",
            "webhook-id": "msg_reference",
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        }
        async with self._session.post(self._target, data=message.data, headers=headers) as response:
            await response.read()
        await message.ack()


async def main(url: str, stream: str, consumer: str, target: str, count: str) -> None:
    """Connect, deliver, leave."""
    client = await connect(ConnectionSettings(servers=(url,)), hooks=ConnectionHooks())
    subscription = await client.jetstream().pull_subscribe_bind(consumer, stream=stream)
    began = time.process_time()
    await Loop(target=target, count=int(count)).run(subscription)
    await client.flush()
    print(time.process_time() - began)
    await client.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
