"""What an operator would have laid in NATS for one namespace: streams, consumers, buckets, plan."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
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
from nats.js.errors import KeyNotFoundError, NotFoundError
from pydantic import SecretStr

from jethook_contract import names
from jethook_contract.plan import (
    ObjectId,
    PlanPart,
    PlanSecrets,
    PoolPlan,
    RetiredType,
    RetryPolicy,
    SigningKey,
    State,
    Target,
)
from jethook_contract.sealing import KeyRing
from jethook_contract.status import StatusRecord, status_key
from jethook_contract.subjects import deadletters_subject, events_subject, filter_subjects, matches
from jethook_contract.target import Limits, TargetUrl

NAMESPACE = "shop"
EVENT_TYPE = "com.example.made"
SIGNING_KEY = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
QUICK_RETRY = RetryPolicy(max_attempts=4, initial_delay_seconds=1, factor=1, jitter_percent=0)
EVENT_BYTES = 1024
_SETTLE_SECONDS = 0.2


class World:
    """Lay streams, consumers and plan parts, publish events, and read what came of them."""

    def __init__(self, client: Client, *, keys_file: Path) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream()
        self.keys_file = keys_file
        if not keys_file.exists():
            keys_file.write_text(KeyRing.generate().get_secret_value())
        self.ring = KeyRing(SecretStr(keys_file.read_text()))
        self.published = 0
        self._last: dict[str, int] = {}

    async def lay(self, *, deadletters_max_messages: int = 100_000) -> None:
        """Make streams and buckets of one namespace, and the pool's plan, which opens loopback."""
        await self.js.add_stream(
            StreamConfig(
                name=names.events_stream(NAMESPACE),
                subjects=[f"jethook.events.{NAMESPACE}.>", f"jethook.direct.{NAMESPACE}.*"],
                retention=RetentionPolicy.INTEREST,
                discard=DiscardPolicy.NEW,
                duplicate_window=120,
            )
        )
        await self.js.add_stream(
            StreamConfig(
                name=names.deadletters_stream(NAMESPACE),
                subjects=[f"jethook.deadletters.{NAMESPACE}.*"],
                discard=DiscardPolicy.NEW,
                max_msgs=deadletters_max_messages,
            )
        )
        await self.js.add_stream(StreamConfig(name=names.ATTEMPTS_STREAM, subjects=["jethook.attempts.*"]))
        for bucket in (names.plan_bucket, names.retries_bucket, names.status_bucket):
            await self.js.create_key_value(KeyValueConfig(bucket=bucket("default"), history=1))
        pool = PoolPlan(pool="default", allowed_cidrs=("127.0.0.0/8",))
        await self._put(names.POOL_KEY, pool.encode())

    async def subscribe(
        self,
        subscription: str,
        *,
        url: str,
        endpoint: str = "orders",
        max_in_flight: int = 20,
        retry: RetryPolicy = QUICK_RETRY,
        types: tuple[str, ...] = ("com.example.**",),
        timeout_seconds: int = 15,
        ack_wait_seconds: int = 30,
        target: Mapping[str, object] | None = None,
        shape: Mapping[str, object] | None = None,
    ) -> PlanPart:
        """Make a Subscription's consumer and its plan part; `target` and `shape` are further fields."""
        shape = shape or {}
        filters = filter_subjects(NAMESPACE, types, subscription)
        await self.js.add_consumer(
            names.events_stream(NAMESPACE),
            ConsumerConfig(
                durable_name=names.subscription_consumer(subscription),
                deliver_policy=DeliverPolicy.NEW,
                ack_policy=AckPolicy.EXPLICIT,
                filter_subjects=list(filters),
                ack_wait=ack_wait_seconds,
                max_deliver=-1,
                max_ack_pending=1_000 if "ordering" in shape else 20_000,
            ),
        )
        part = PlanPart(
            namespace=NAMESPACE,
            endpoint=ObjectId(name=endpoint),
            subscription=ObjectId(name=subscription),
            state="Active",
            stream=names.events_stream(NAMESPACE),
            consumer=names.subscription_consumer(subscription),
            filters=filters,
            retry=retry,
            target=Target(
                urls=(TargetUrl(url=url),), limits=Limits(max_in_flight=max_in_flight), timeout_seconds=timeout_seconds
            ).model_copy(update=dict(target or {})),
            sealed=self.ring.seal(PlanSecrets(signing=(SigningKey(keys=(SIGNING_KEY,)),))),
        )
        part = part.model_copy(update=dict(shape))
        await self.put(part)
        return part

    async def put(self, part: PlanPart) -> None:
        """Write a part into the plan."""
        await self._put(names.plan_key(part.namespace, part.endpoint.name, part.subscription.name), part.encode())

    async def set_state(self, part: PlanPart, *, state: State) -> None:
        """Write the part again in another state."""
        await self.put(
            part.model_copy(update={"state": state, **({} if state == "Active" else {"target": None, "sealed": ""})})
        )

    async def retire(self, part: PlanPart, *, filters: tuple[str, ...], retired: tuple[RetiredType, ...]) -> None:
        """Write the part again with other filters, the removed ones retired."""
        await self.put(part.model_copy(update={"filters": filters, "retired": retired}))

    async def publish(self, count: int, *, event_type: str = EVENT_TYPE, keys: Sequence[str] = ()) -> list[str]:
        """Publish events of 1 KiB and wait for the acks; gives their ids. `keys` become their subjects, in turn."""
        ids = [f"event-{self.published + number}" for number in range(count)]
        self.published += count
        for start in range(0, count, 500):
            futures = [
                await self.js.publish_async(
                    events_subject(NAMESPACE, event_type),
                    event(one, event_type=event_type, subject=keys[number % len(keys)] if keys else None),
                )
                for number, one in enumerate(ids[start : start + 500], start)
            ]
            acks = await asyncio.gather(*futures)
            self._last[events_subject(NAMESPACE, event_type)] = max(ack.seq for ack in acks)
        return ids

    async def dead_letters(self, subscription: str) -> list[dict[str, str]]:
        """Give the headers of a Subscription's dead letters, with the event's id as `id`."""
        stream = names.deadletters_stream(NAMESPACE)
        state = (await self.js.stream_info(stream)).state
        found = []
        for sequence in range(max(1, state.first_seq), state.last_seq + 1):
            try:
                message = await self.js.get_msg(stream, seq=sequence)
            except NotFoundError:
                continue
            if message.subject == deadletters_subject(NAMESPACE, subscription):
                found.append({**(message.headers or {}), "id": str(_id(message.data or b""))})
        return found

    async def waiting(self, subscription: str) -> tuple[int, int]:
        """Give how many events a consumer has pending, and how many are handed out and not acknowledged."""
        info = await self.js.consumer_info(names.events_stream(NAMESPACE), names.subscription_consumer(subscription))
        return info.num_pending or 0, info.num_ack_pending or 0

    async def handed_out(self, subscription: str, *, seconds: float) -> Msg | None:
        """Ask a Subscription's consumer for one message as another member would; None when none came in time."""
        name = names.subscription_consumer(subscription)
        pull = await self.js.pull_subscribe_bind(name, stream=names.events_stream(NAMESPACE))
        try:
            (message,) = await pull.fetch(1, timeout=seconds)
        except NatsTimeoutError:
            return None
        return message

    async def status(self, part: PlanPart) -> StatusRecord | None:
        """Read the stored status of a part's Subscription, None when there is none."""
        bucket = await self.js.key_value(names.status_bucket("default"))
        try:
            entry = await bucket.get(status_key("Subscription", NAMESPACE, part.subscription.name))
        except KeyNotFoundError:
            return None
        return StatusRecord.decode(entry.value or b"")

    async def done(self, subscription: str) -> bool:
        """Tell whether nothing waits any more of what was published.

        A consumer counts a message as pending a moment after its publisher has the ack: none pending proves nothing.
        What was published here is known; for what another connection published, it is asked twice.
        """
        if not await self._done_now(subscription):
            return False
        await asyncio.sleep(_SETTLE_SECONDS)
        return await self._done_now(subscription)

    async def _done_now(self, subscription: str) -> bool:
        info = await self.js.consumer_info(names.events_stream(NAMESPACE), names.subscription_consumer(subscription))
        filters = info.config.filter_subjects or []
        last = max((seq for one, seq in self._last.items() if any(matches(each, one) for each in filters)), default=0)
        seen = info.delivered is not None and info.delivered.stream_seq >= last
        return seen and not info.num_pending and not info.num_ack_pending

    async def _put(self, key: str, value: bytes) -> None:
        bucket = await self.js.key_value(names.plan_bucket("default"))
        await bucket.put(key, value)


def event(event_id: str, *, event_type: str = EVENT_TYPE, subject: str | None = None) -> bytes:
    """Write a structured event of 1 KiB."""
    body: dict[str, object] = {"specversion": "1.0", "id": event_id, "source": "/tests", "type": event_type}
    body |= {"data": {"fill": ""}} if subject is None else {"subject": subject, "data": {"fill": ""}}
    body["data"] = {"fill": "x" * max(0, EVENT_BYTES - len(json.dumps(body, separators=(",", ":"))))}
    return json.dumps(body, separators=(",", ":")).encode()


def ids_of(bodies: Iterable[bytes]) -> list[str]:
    """Give the ids of structured events."""
    return [_id(body) for body in bodies]


def _id(body: bytes) -> str:
    try:
        return str(json.loads(body)["id"])
    except (ValueError, KeyError, TypeError):
        return ""
