"""Plans: the parts in the buckets of the pools; an equal part is not written again, a removed one leaves no value."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from jethook_contract import names
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.plan import PlanPart, PlanSecrets, PoolPlan
from jethook_contract.sealing import KeyRing
from jethook_operator.core.observations import ObservedPart, Place
from jethook_operator.shell.buckets import bucket_stream, ensure_pool_buckets
from jethook_operator.shell.jetstream import JetStreamApi, unreachable
from jethook_operator.shell.streams import Streams

_LOAD_SECONDS = 60.0
_NO_SECRETS = PlanSecrets()
_BUCKET_PREFIX = bucket_stream(names.plan_bucket(""))
Record = TypeVar("Record", PlanPart, PoolPlan)
Result = TypeVar("Result")


class Plans:
    """Hold the plan of every pool, as it lies in NATS, and change it."""

    def __init__(self, api: JetStreamApi, *, streams: Streams, replicas: int) -> None:
        self._api = api
        self._context: JetStreamContext = api.client.jetstream()
        self._streams = streams
        self._replicas = replicas
        self._buckets: dict[str, KeyValue] = {}
        self._parts: dict[Place, PlanPart] = {}
        self._by_subscription: dict[tuple[str, str], set[Place]] = defaultdict(set)
        self._by_endpoint: dict[tuple[str, str], set[Place]] = defaultdict(set)
        self._pools: dict[str, PoolPlan] = {}
        self._loaded = False
        self._loading = asyncio.Lock()

    def forget(self) -> None:
        """Drop what is known; the next `load` reads it again."""
        self._loaded = False

    async def load(self) -> None:
        """Read the plans of all pools, once until the next `forget`."""
        async with self._loading:
            if not self._loaded:
                self._clear()
                for item in await self._api.list_all("STREAM.LIST", field="streams"):
                    name = item["config"]["name"]
                    if name.startswith(_BUCKET_PREFIX) and self._streams.owns(item["config"]):
                        await self._open(name.removeprefix(_BUCKET_PREFIX))
                self._loaded = True

    async def ensure_pool(self, plan: PoolPlan) -> None:
        """Have the buckets of a pool and its settings in the plan."""
        if self._loaded and self._pools.get(plan.pool) == plan:
            return
        bucket = await self._open(plan.pool)
        if self._pools.get(plan.pool) != plan:
            self._api.fence()
            await _put(bucket, names.POOL_KEY, plan.encode())
            self._pools[plan.pool] = plan

    def of_subscription(self, namespace: str, subscription: str) -> tuple[ObservedPart, ...]:
        """List the parts of a Subscription; more than one while it moves."""
        return self._observed(self._by_subscription.get((namespace, subscription), set()))

    def of_endpoint(self, namespace: str, endpoint: str) -> tuple[ObservedPart, ...]:
        """List the parts of an endpoint."""
        return self._observed(self._by_endpoint.get((namespace, endpoint), set()))

    def all(self) -> tuple[ObservedPart, ...]:
        """List all parts."""
        return self._observed(set(self._parts))

    async def put(self, place: Place, part: PlanPart) -> bool:
        """Have this part at its place; False when it was there."""
        if self._loaded and self._parts.get(place) == part:
            return False
        bucket = await self._open(place.pool)
        self._api.fence()
        await _put(bucket, place.key, part.encode())
        self._add(place, part)
        return True

    async def remove(self, place: Place) -> None:
        """Purge a part; watchers see it go."""
        bucket = await self._open(place.pool)
        if place in self._parts:
            self._api.fence()
            await _mapped(bucket.purge(place.key))
            self._drop(place)

    async def _open(self, pool: str) -> KeyValue:
        if not self._api.client.is_connected:
            raise unreachable()  # nats-py would keep the write and send it whenever it is connected again
        if (known := self._buckets.get(pool)) is not None:
            return known
        await ensure_pool_buckets(pool, streams=self._streams, replicas=self._replicas)
        bucket = await _mapped(self._context.key_value(names.plan_bucket(pool)))
        await self._read(pool, bucket)
        self._buckets[pool] = bucket
        return bucket

    async def _read(self, pool: str, bucket: KeyValue) -> None:
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                watcher = await bucket.watchall(ignore_deletes=True)
                try:
                    async for entry in watcher:
                        if entry is None:
                            return
                        self._learn(Place(pool=pool, key=entry.key), entry.value or b"")
                finally:
                    await watcher.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it without annotations
        except (nats.errors.Error, TimeoutError) as exc:
            raise unreachable() from exc

    def _learn(self, place: Place, value: bytes) -> None:
        if place.key == names.POOL_KEY:
            if (plan := _decoded(value, PoolPlan.decode)) is not None:
                self._pools[place.pool] = plan
        elif (part := _decoded(value, PlanPart.decode)) is not None:
            self._add(place, part)

    def _add(self, place: Place, part: PlanPart) -> None:
        self._parts[place] = part
        self._by_subscription[part.namespace, part.subscription.name].add(place)
        self._by_endpoint[part.namespace, part.endpoint.name].add(place)

    def _drop(self, place: Place) -> None:
        part = self._parts.pop(place)
        for index, name in ((self._by_subscription, part.subscription.name), (self._by_endpoint, part.endpoint.name)):
            index[part.namespace, name].discard(place)
            if not index[part.namespace, name]:
                del index[part.namespace, name]

    def _observed(self, places: set[Place]) -> tuple[ObservedPart, ...]:
        ordered = sorted(places, key=lambda place: (place.pool, place.key))
        return tuple(ObservedPart(place=place, part=self._parts[place]) for place in ordered)

    def _clear(self) -> None:
        for known in (self._buckets, self._parts, self._by_subscription, self._by_endpoint, self._pools):
            known.clear()


def seal(part: PlanPart, *, secrets: PlanSecrets, ring: KeyRing, old: PlanPart | None) -> PlanPart:
    """Put the secrets into a part; equal secrets under the same key keep the old token, so that equal stays equal."""
    if secrets == _NO_SECRETS:
        return part
    digest = ring.digest(secrets)
    same = old is not None and old.secrets_digest == digest
    token = old.sealed if old is not None and same else ring.seal(secrets)
    return part.model_copy(update={"sealed": token, "secrets_digest": digest})


def rotated(new: PlanPart, *, secrets: PlanSecrets, ring: KeyRing, old: PlanPart | None) -> bool:
    """Tell whether Secrets changed under an endpoint that did not; a change of the ring's own key is none."""
    if old is None or not old.sealed or not new.sealed or old.secrets_digest == new.secrets_digest:
        return False
    if old.endpoint != new.endpoint:
        return False
    try:
        return ring.unseal(old.sealed) != secrets
    except Invalid:
        return False


def _decoded(value: bytes, decode: Callable[[bytes], Record]) -> Record | None:
    try:
        return decode(value)
    except Invalid:
        return None  # another version's or broken: it is written anew where it is wanted


async def _put(bucket: KeyValue, key: str, value: bytes) -> None:
    await _mapped(bucket.put(key, value))


async def _mapped(call: Awaitable[Result]) -> Result:
    try:
        return await call
    except nats.js.errors.APIError as exc:
        raise Unavailable(
            "NATSRefused", f"the plan cannot be written: {exc.description} (err_code {exc.err_code})"
        ) from exc
    except (nats.errors.Error, TimeoutError) as exc:
        raise unreachable() from exc
