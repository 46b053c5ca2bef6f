"""What a benchmark runs on: nats-server, receiver and processes, and the plan that an operator would write."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    KeyValueConfig,
    RetentionPolicy,
    StreamConfig,
)
from pydantic import SecretStr

from jethook_contract import names
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, PoolPlan, SigningKey, State, Target
from jethook_contract.sealing import KeyRing
from jethook_contract.subjects import events_subject, filter_subjects
from jethook_contract.target import Limits, TargetUrl

SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WIDTH = 100
EVENT_BYTES = 1024
EVENT_TYPE = "com.example.made"
_MAX_UNACKED_PUBLISHES = 1000


@asynccontextmanager
async def process(*arguments: str, log: Path, stdout: int | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python <arguments>`, its output in `log` (or as `stdout` says); killed when the block ends."""
    with log.open("ab") as errors:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=errors if stdout is None else stdout, stderr=errors, env=dict(os.environ)
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@dataclass(frozen=True, slots=True)
class Receiver:
    """The counting receiver, by its port."""

    port: int

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def counts(self, path: str = "count") -> dict[str, float]:
        """Ask for what came in; `reset` as the path starts anew."""
        return await asyncio.to_thread(self._get, path)

    async def wait_for(self, count: int, *, seconds: float) -> float:
        """Wait until `count` requests came; gives the rate a second from the first to the last of them."""
        async with asyncio.timeout(seconds):
            while (found := await self.counts())["count"] < count:  # noqa: ASYNC110 -- another process counts
                await asyncio.sleep(0.2)
        return (found["count"] - 1) / (found["last"] - found["first"])

    def _get(self, path: str) -> dict[str, float]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"/{path}")
            found: dict[str, float] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found


class Installation:
    """Lay streams, consumers, buckets and plan parts, and fill streams."""

    def __init__(self, client: Client, *, keys_file: Path) -> None:
        keys_file.write_text(KeyRing.generate().get_secret_value())
        self._ring = KeyRing(SecretStr(keys_file.read_text()))
        self._js: JetStreamContext = client.jetstream(publish_async_max_pending=_MAX_UNACKED_PUBLISHES)

    async def lay_pool(self) -> None:
        """Make the pool's buckets and its plan, which opens loopback."""
        for bucket in (names.plan_bucket, names.retries_bucket, names.status_bucket):
            await self._js.create_key_value(KeyValueConfig(bucket=bucket(names.DEFAULT_POOL), history=1))
        await self._js.add_stream(StreamConfig(name=names.ATTEMPTS_STREAM, subjects=["jethook.attempts.*"]))
        plan = PoolPlan(pool=names.DEFAULT_POOL, allowed_cidrs=("127.0.0.0/8",))
        await self._write(names.POOL_KEY, plan.encode())

    async def lay_namespace(self, namespace: str) -> None:
        """Make the events stream of a namespace and one Subscription's consumer, named as the namespace."""
        await self._js.add_stream(
            StreamConfig(
                name=names.events_stream(namespace),
                subjects=[f"jethook.events.{namespace}.>", f"jethook.direct.{namespace}.*"],
                retention=RetentionPolicy.INTEREST,
                discard=DiscardPolicy.NEW,
            )
        )
        await self._js.add_consumer(
            names.events_stream(namespace),
            ConsumerConfig(
                durable_name=names.subscription_consumer(namespace),
                deliver_policy=DeliverPolicy.NEW,
                ack_policy=AckPolicy.EXPLICIT,
                filter_subjects=list(filter_subjects(namespace, ["com.example.**"], namespace)),
                ack_wait=30,
                max_ack_pending=20_000,
            ),
        )

    async def write_part(self, namespace: str, *, url: str, state: State) -> None:
        """Write the plan part of the namespace's Subscription."""
        active = state == "Active"
        secrets = PlanSecrets(signing=(SigningKey(keys=(SecretStr(SIGNING_KEY),)),))
        part = PlanPart(
            namespace=namespace,
            endpoint=ObjectId(name=namespace),
            subscription=ObjectId(name=namespace),
            state=state,
            stream=names.events_stream(namespace),
            consumer=names.subscription_consumer(namespace),
            filters=filter_subjects(namespace, ["com.example.**"], namespace),
            target=Target(urls=(TargetUrl(url=url),), limits=Limits(max_in_flight=WIDTH)) if active else None,
            sealed=self._ring.seal(secrets) if active else "",
        )
        await self._write(names.plan_key(namespace, namespace, namespace), part.encode())

    async def fill(self, namespace: str, *, count: int) -> None:
        """Publish `count` events of 1 KiB and wait until the stream has them."""
        subject = events_subject(namespace, EVENT_TYPE)
        futures = [await self._js.publish_async(subject, _event(f"{namespace}-{number}")) for number in range(count)]
        await asyncio.gather(*futures)

    async def _write(self, key: str, value: bytes) -> None:
        bucket = await self._js.key_value(names.plan_bucket(names.DEFAULT_POOL))
        await bucket.put(key, value)


def _event(event_id: str) -> bytes:
    event: dict[str, object] = {"specversion": "1.0", "id": event_id, "source": "/bench", "type": EVENT_TYPE}
    event["data"] = {"fill": "x" * (EVENT_BYTES - len(json.dumps(event)) - 24)}
    return json.dumps(event).encode()
