"""The outside of a Subscription: gather what `decide_subscription` looks at, and apply what it says."""

from __future__ import annotations

from collections.abc import Mapping

from jethook_contract import names
from jethook_contract.errors import Invalid, JethookError, Unavailable
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.filters import settled
from jethook_operator.core.grouping import max_ack_pending, ordered, wanted_grouping
from jethook_operator.core.observations import ObservedConsumer, ObservedPart, Place
from jethook_operator.core.references import Secrets, rotation_message, secret_names
from jethook_operator.core.resources import Key, ResourceReader
from jethook_operator.core.subscription import (
    SubscriptionDecision,
    SubscriptionInputs,
    decide_subscription,
    wanted_filters,
)
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

    async def bring_in_line(self, subscription: Subscription) -> SubscriptionDecision:
        """Gather, decide and apply; once more where ordering begins: only a lowered consumer's count can be relied on.

        Raises JethookError.
        """
        decision = decide_subscription(await self.gather(subscription))
        await self.apply(decision, subscription=subscription)
        if decision.grouping.look_again:
            decision = decide_subscription(await self.gather(subscription))
            await self.apply(decision, subscription=subscription)
        return decision

    async def gather(self, subscription: Subscription) -> SubscriptionInputs:
        """Look at all that a Subscription's fate depends on; has the namespace's streams made. Raises JethookError."""
        namespace, name = subscription.metadata.namespace, subscription.metadata.name
        stream = await self._nats.namespaces.ensure(namespace, reader=self._reader)
        endpoint = self._reader.endpoint(namespace, subscription.spec.endpoint_ref.name)
        readable = endpoint if isinstance(endpoint, WebhookEndpoint) else None
        consumer = await self._nats.consumers.observe(stream.name, name)
        parts = self._nats.plans.of_subscription(namespace, name)
        last_sequence = 0
        if consumer is not None and not _settled(consumer, subscription=subscription, parts=parts):
            consumer = await self._nats.consumers.observe_fresh(stream.name, name)
            last_sequence = (await self._nats.streams.usage(stream.name)).last_sequence
        return SubscriptionInputs(
            subscription=subscription,
            endpoint=endpoint,
            pool=None if readable is None else self._reader.pool(readable.spec.pool_ref.name),
            consumer=consumer,
            last_sequence=last_sequence,
            secrets={} if readable is None else await read_secrets(readable, reader=self._reader),
            parts=parts,
        )

    async def apply(self, decision: SubscriptionDecision, *, subscription: Subscription) -> None:
        """Consumer, then the old parts' removal, then the part: a part's consumer is there before it.

        A dispatcher that sees a widened consumer before the part sends what it does not know (`PlanPart.wants`). The
        bound on what is out is raised last of all: no part may say ordering while the consumer gives out more.
        """
        namespace, name = subscription.metadata.namespace, subscription.metadata.name
        await self._ensure_consumer(decision, subscription, bound=decision.grouping.first_max_ack_pending)
        before = {one.place: one.part for one in self._nats.plans.of_subscription(namespace, name)}
        old = before.get(decision.place)
        try:
            part = self._sealed(decision, old=old)
        except Unavailable:
            raise  # the key cannot be read just now: what is in place stays
        except JethookError as error:
            await self._place(decision, part=_withheld(decision.part, error=error), before=before)
            raise
        await self._place(decision, part=part, before=before)
        await self._ensure_consumer(decision, subscription, bound=decision.grouping.max_ack_pending)

    async def _ensure_consumer(self, decision: SubscriptionDecision, subscription: Subscription, *, bound: int) -> None:
        await self._nats.consumers.ensure(
            decision.part.stream,
            subscription.metadata.name,
            filters=decision.filters,
            max_ack_pending=bound,
            uid=subscription.metadata.uid,
        )

    def _sealed(self, decision: SubscriptionDecision, *, old: PlanPart | None) -> PlanPart:
        if decision.secrets == PlanSecrets():
            return decision.part
        ring = self._around.key_ring(decision.place.pool)
        part = seal(decision.part, secrets=decision.secrets, ring=ring, old=old)
        if rotated(part, secrets=decision.secrets, ring=ring, old=old):
            self._announce(part, secrets=decision.secrets, before=ring.unseal(old.sealed) if old else None)
        return part

    async def _place(self, decision: SubscriptionDecision, *, part: PlanPart, before: Mapping[Place, PlanPart]) -> None:
        for place in decision.obsolete:
            await self._nats.plans.remove(place)
        if await self._nats.plans.put(decision.place, part) or decision.obsolete:
            for endpoint in {part.endpoint.name, *(one.endpoint.name for one in before.values())}:
                self._enqueue_endpoint(part.namespace, endpoint)

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

    def forget_endpoint(self, key: Key) -> None:
        """Drop what is remembered of an endpoint that is gone."""
        self._announced.pop((key.namespace, key.name), None)

    def _announce(self, part: PlanPart, *, secrets: PlanSecrets, before: PlanSecrets | None) -> None:
        """Tell once of an endpoint's new secrets, however many Subscriptions carry them."""
        namespace, name, digest = part.namespace, part.endpoint.name, part.secrets_digest
        endpoint = self._reader.endpoint(namespace, name)
        if not isinstance(endpoint, WebhookEndpoint) or self._announced.get((namespace, name)) == digest:
            return
        self._announced[namespace, name] = digest
        self._around.events.record(
            Key("WebhookEndpoint", namespace, name),
            uid=endpoint.metadata.uid,
            severity="Normal",
            reason="SecretRotated",
            message=rotation_message(endpoint, secrets=secrets, before=before),
        )

    def _enqueue_endpoint(self, namespace: str, name: str) -> None:
        self._around.enqueue(Key("WebhookEndpoint", namespace, name))


async def read_secrets(endpoint: WebhookEndpoint, *, reader: ResourceReader) -> Secrets:
    """Read every Secret that an endpoint refers to."""
    namespace = endpoint.metadata.namespace
    return {name: await reader.secret(namespace, name) for name in secret_names(endpoint)}


def _settled(consumer: ObservedConsumer, *, subscription: Subscription, parts: tuple[ObservedPart, ...]) -> bool:
    """Tell whether an older look at a consumer is good enough."""
    grouping = wanted_grouping(subscription.spec)
    if consumer.max_ack_pending != max_ack_pending(grouping):
        return False
    if grouping.ordering is not None and not ordered(tuple(one.part for one in parts)):
        return False
    return settled(consumer, wanted=wanted_filters(subscription), uid=subscription.metadata.uid)


def _withheld(part: PlanPart, *, error: JethookError) -> PlanPart:
    return part.model_copy(
        update={"state": "Withheld", "reason": error.reason, "message": error.message, "target": None}
    )
