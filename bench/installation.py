"""What a benchmark delivers: streams, consumers, buckets and the plan, as an operator would lay them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError
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
from nats.js.errors import Error as JetStreamError
from pydantic import SecretStr

from bench.events import EVENT_TYPE, event
from jethook_contract import names
from jethook_contract.members import SHARD_COUNT, ClaimRecord
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, PoolPlan, RetryPolicy, SigningKey, State, Target
from jethook_contract.sealing import KeyRing
from jethook_contract.subjects import events_subject, filter_subjects
from jethook_contract.target import BreakerPolicy, Limits, TargetUrl

SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WIDTH = 100
_MAX_UNACKED_PUBLISHES = 1000
_MAX_CONSUMERS = 10_000
_AT_ONCE = 50
_WIDE, _RETRY, _BREAKER = Limits(max_in_flight=WIDTH), RetryPolicy(), BreakerPolicy()
_SECRETS = PlanSecrets(signing=(SigningKey(keys=(SecretStr(SIGNING_KEY),)),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One endpoint with one Subscription of the same name, which takes one type of event that nobody else takes.

    The UIDs are those of its two objects, empty where there is no cluster.
    """

    namespace: str
    name: str
    url: str
    limits: Limits = _WIDE
    timeout_seconds: int = 15
    retry: RetryPolicy = _RETRY
    breaker: BreakerPolicy = _BREAKER
    endpoint_uid: str = ""
    subscription_uid: str = ""

    @property
    def event_type(self) -> str:
        """The type."""
        return f"{EVENT_TYPE}.{self.name}"

    @property
    def subject(self) -> str:
        """Where its events are published."""
        return events_subject(self.namespace, self.event_type)

    @property
    def filters(self) -> tuple[str, ...]:
        """The filter subjects of its consumer."""
        return filter_subjects(self.namespace, [self.event_type], self.name)

    def target(self) -> Target:
        """Say where and how to send."""
        return Target(
            urls=(TargetUrl(url=self.url),),
            timeout_seconds=self.timeout_seconds,
            limits=self.limits,
            breaker=self.breaker,
        )


class Installation:
    """Lay streams, consumers, buckets and plan parts, and fill streams."""

    def __init__(self, client: Client, *, keys_file: Path) -> None:
        keys_file.write_text(KeyRing.generate().get_secret_value())
        self._ring = KeyRing(SecretStr(keys_file.read_text()))
        self.jetstream: JetStreamContext = client.jetstream(publish_async_max_pending=_MAX_UNACKED_PUBLISHES)

    async def lay_pool(self) -> None:
        """Make the pool's buckets and its plan, which opens loopback."""
        for bucket in (names.plan_bucket, names.retries_bucket, names.status_bucket):
            await self.jetstream.create_key_value(KeyValueConfig(bucket=bucket(names.DEFAULT_POOL), history=1))
        await self.jetstream.add_stream(StreamConfig(name=names.ATTEMPTS_STREAM, subjects=["jethook.attempts.*"]))
        plan = PoolPlan(pool=names.DEFAULT_POOL, allowed_cidrs=("127.0.0.0/8",))
        await self._write(names.POOL_KEY, plan.encode())

    async def lay_namespace(self, namespace: str) -> None:
        """Make the streams of a namespace."""
        await self.jetstream.add_stream(
            StreamConfig(
                name=names.events_stream(namespace),
                subjects=[f"jethook.events.{namespace}.>", f"jethook.direct.{namespace}.*"],
                retention=RetentionPolicy.INTEREST,
                discard=DiscardPolicy.NEW,
                max_consumers=_MAX_CONSUMERS,
            )
        )
        await self.jetstream.add_stream(
            StreamConfig(name=names.deadletters_stream(namespace), subjects=[f"jethook.deadletters.{namespace}.*"])
        )

    async def lay(self, lanes: Sequence[Lane], *, state: State = "Active") -> None:
        """Make the consumers of lanes and write their parts of the plan, many at a time."""
        for start in range(0, len(lanes), _AT_ONCE):
            await asyncio.gather(*(self._lay_one(lane, state=state) for lane in lanes[start : start + _AT_ONCE]))

    async def write_part(self, lane: Lane, *, state: State) -> None:
        """Write the plan part of a lane."""
        active = state == "Active"
        part = PlanPart(
            namespace=lane.namespace,
            endpoint=ObjectId(name=lane.name, uid=lane.endpoint_uid),
            subscription=ObjectId(name=lane.name, uid=lane.subscription_uid),
            state=state,
            stream=names.events_stream(lane.namespace),
            consumer=names.subscription_consumer(lane.name),
            filters=lane.filters,
            retry=lane.retry,
            target=lane.target() if active else None,
            sealed=self._ring.seal(_SECRETS) if active else "",
        )
        await self._write(names.plan_key(lane.namespace, lane.name, lane.name), part.encode())

    async def fill(self, lanes: Sequence[Lane], *, count: int) -> None:
        """Publish `count` events to the lanes in turn and wait until the streams have them."""
        now = time.monotonic()
        futures = [
            await self.jetstream.publish_async(lanes[number % len(lanes)].subject, event(f"{now}-{number}", sent=now))
            for number in range(count)
        ]
        await asyncio.gather(*futures)

    async def holders(self) -> list[str]:
        """Give the member that holds each claimed shard; empty before the bucket is there."""
        try:
            bucket = await self.jetstream.key_value(names.members_bucket(names.DEFAULT_POOL))
            keys = [names.claim_key(shard) for shard in range(SHARD_COUNT)]
            entries = await asyncio.gather(*(bucket.get(key) for key in keys))
        except (NatsError, JetStreamError, TimeoutError):  # not there yet: the caller asks again
            return []
        claims = [ClaimRecord.decode(entry.value or b"") for entry in entries]
        return [claim.member for claim in claims if not claim.released]

    async def _lay_one(self, lane: Lane, *, state: State) -> None:
        await self.jetstream.add_consumer(
            names.events_stream(lane.namespace),
            ConsumerConfig(
                durable_name=names.subscription_consumer(lane.name),
                deliver_policy=DeliverPolicy.NEW,
                ack_policy=AckPolicy.EXPLICIT,
                filter_subjects=list(lane.filters),
                ack_wait=30,
                max_ack_pending=20_000,
            ),
        )
        await self.write_part(lane, state=state)

    async def _write(self, key: str, value: bytes) -> None:
        bucket = await self.jetstream.key_value(names.plan_bucket(names.DEFAULT_POOL))
        await bucket.put(key, value)
