"""The outside of a Subscription: gather what `decide_subscription` looks at, and apply what it says."""

from __future__ import annotations

from jethook_contract import names
from jethook_contract.errors import Invalid
from jethook_contract.plan import PlanSecrets
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.filters import settled
from jethook_operator.core.observations import ObservedConsumer
from jethook_operator.core.references import Secrets, rotation_message, secret_names
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.core.subscription import SubscriptionDecision, SubscriptionInputs, wanted_filters
from jethook_operator.shell.orphans import NatsParts
from jethook_operator.shell.plans import rotated, seal
from jethook_operator.shell.surroundings import Surroundings


class Subscriptions:
    """Bring the consumer and the plan part of one Subscription in line."""

    def __init__(self, parts: NatsParts, *, surroundings: Surroundings) -> None:
        self._nats = parts
        self._around = surroundings
        self._reader = surroundings.reader
        self._announced: dict[tuple[str, str], str] = {}  # endpoint -> digest of the secrets that an event told of

    async def gather(self, subscription: Subscription) -> SubscriptionInputs:
        """Look at all that a Subscription's fate depends on; has the namespace's streams made. Raises JethookError."""
        namespace, name = subscription.metadata.namespace, subscription.metadata.name
        wanted = wanted_filters(subscription)
        stream = await self._nats.streams.ensure_namespace(namespace, uid=self._reader.namespace_uid(namespace))
        endpoint = self._reader.endpoint(namespace, subscription.spec.endpoint_ref.name)
        readable = endpoint if isinstance(endpoint, WebhookEndpoint) else None
        consumer = await self._nats.consumers.observe(stream.name, name)
        last_sequence = 0
        if consumer is not None and not settled(consumer, wanted=wanted, uid=subscription.metadata.uid):
            consumer = await self._nats.consumers.observe_fresh(stream.name, name)
            last_sequence = (await self._nats.streams.usage(stream.name)).last_sequence
        return SubscriptionInputs(
            subscription=subscription,
            endpoint=endpoint,
            pool=None if readable is None else self._reader.pool(readable.spec.pool_ref.name),
            consumer=consumer,
            last_sequence=last_sequence,
            secrets={} if readable is None else await read_secrets(readable, reader=self._reader),
            parts=self._nats.plans.of_subscription(namespace, name),
        )

    async def apply(self, decision: SubscriptionDecision, *, subscription: Subscription) -> None:
        """Consumer, then the old parts' removal, then the part: a part's consumer is there before it.

        A dispatcher that sees a widened consumer before the part sends what it does not know (`PlanPart.wants`).
        """
        namespace, name, plans = subscription.metadata.namespace, subscription.metadata.name, self._nats.plans
        await self._nats.consumers.ensure(
            decision.part.stream, name, filters=decision.filters, uid=subscription.metadata.uid
        )
        before = {one.place: one for one in plans.of_subscription(namespace, name)}
        old = before.get(decision.place)
        part = decision.part
        if decision.secrets != PlanSecrets():
            ring = self._around.key_ring(decision.place.pool)
            part = seal(part, secrets=decision.secrets, ring=ring, old=old.part if old else None)
            if rotated(part, secrets=decision.secrets, ring=ring, old=old.part if old else None):
                self._announce(namespace, part.endpoint.name, digest=part.secrets_digest, secrets=decision.secrets)
        for place in decision.obsolete:
            await plans.remove(place)
        if await plans.put(decision.place, part) or decision.obsolete:
            for endpoint in {part.endpoint.name, *(one.part.endpoint.name for one in before.values())}:
                self._enqueue_endpoint(namespace, endpoint)

    async def remove(self, key: Key) -> None:
        """Take away the plan of a Subscription that is gone, and mark its consumer; the sweep removes that later."""
        await self._nats.plans.load()
        for one in self._nats.plans.of_subscription(key.namespace, key.name):
            await self._nats.plans.remove(one.place)
            self._enqueue_endpoint(key.namespace, one.part.endpoint.name)
        stream = names.events_stream(key.namespace)
        consumer = await self._own_consumer(stream, key.name)
        if consumer is not None and not consumer.orphaned_at:
            at = self._around.now().isoformat()
            await self._nats.consumers.mark_orphaned(stream, key.name, at=at)

    async def _own_consumer(self, stream: str, name: str) -> ObservedConsumer | None:
        try:
            return await self._nats.consumers.observe(stream, name)
        except Invalid:
            return None  # another installation's: none of ours is gone

    def _announce(self, namespace: str, name: str, *, digest: str, secrets: PlanSecrets) -> None:
        """Tell once of an endpoint's new secrets, however many Subscriptions carry them."""
        endpoint = self._reader.endpoint(namespace, name)
        if not isinstance(endpoint, WebhookEndpoint) or self._announced.get((namespace, name)) == digest:
            return
        self._announced[namespace, name] = digest
        self._around.events.record(
            Key("WebhookEndpoint", namespace, name),
            uid=endpoint.metadata.uid,
            severity="Normal",
            reason="SecretRotated",
            message=rotation_message(endpoint, secrets=secrets),
        )

    def _enqueue_endpoint(self, namespace: str, name: str) -> None:
        self._around.enqueue(Key("WebhookEndpoint", namespace, name))


async def read_secrets(endpoint: WebhookEndpoint, *, reader: ResourceReader) -> Secrets:
    """Read every Secret that an endpoint refers to."""
    namespace = endpoint.metadata.namespace
    return {name: await reader.secret(namespace, name) for name in secret_names(endpoint)}
