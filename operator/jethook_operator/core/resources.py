"""What a reconcile looks at, as values: the key of an object, and a reader over all that the provider has seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import SecretStr

from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint

Kind = Literal["WebhookEndpoint", "Subscription", "DispatcherPool", "Secret"]


@dataclass(frozen=True, slots=True)
class Key:
    """Name one object. Pools carry the operator's own namespace."""

    kind: Kind
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A Secret as the operator may see it; `labelled` is False and `data` empty when it lacks the label."""

    namespace: str
    name: str
    labelled: bool
    data: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """An object that is there but cannot be read as its kind; `message` says which field and why."""

    key: Key
    uid: str
    generation: int
    message: str


class ResourceReader(Protocol):
    """Answer what the provider has seen last; never waits, never calls out, except for `secret`."""

    @property
    def synced(self) -> bool:
        """Tell whether every kind has been listed completely at least once."""

    def endpoint(self, namespace: str, name: str) -> WebhookEndpoint | Broken | None:
        """Give an endpoint."""

    def subscription(self, namespace: str, name: str) -> Subscription | Broken | None:
        """Give a Subscription."""

    def pool(self, name: str) -> DispatcherPool | Broken | None:
        """Give a pool."""

    async def secret(self, namespace: str, name: str) -> SecretValue | None:
        """Give a Secret; looks once into the API server whether one without the label exists."""

    def subscriptions_of(self, namespace: str, endpoint: str) -> Iterable[Subscription]:
        """List the Subscriptions that refer to an endpoint, by an index."""

    def endpoints_using(self, namespace: str, secret: str) -> Iterable[WebhookEndpoint]:
        """List the endpoints that refer to a Secret, by an index."""

    def keys(self, kind: Kind) -> Iterable[Key]:
        """List every object of a kind, broken ones too."""

    def namespace_uid(self, namespace: str) -> str:
        """Give the UID of a namespace; empty where there is none to know, Unavailable where it is not known yet."""

    def events_quota(self, namespace: str) -> str | None:
        """Give what the platform wrote on a namespace about the room for its events, unread; None for nothing."""
