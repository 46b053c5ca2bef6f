"""What the provider has seen last: objects by key, with the indexes that a reconcile asks for.

It belongs to one event loop and never waits, except for a Secret that the provider does not show: `lookup` asks for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jethook_contract.errors import Invalid, Unavailable
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.references import secret_names
from jethook_operator.core.resources import Broken, Key, Kind, SecretValue

Resource = WebhookEndpoint | Subscription | DispatcherPool
Raw = Mapping[str, Any]
KINDS: tuple[Kind, ...] = ("WebhookEndpoint", "Subscription", "DispatcherPool", "Secret")


class SecretLookup(Protocol):
    """Find a Secret that the provider does not show, so that a missing label is told from a missing Secret."""

    async def __call__(self, namespace: str, name: str) -> SecretValue | None:
        """Give it, or None when there is none; raise Unavailable when that cannot be known."""


async def no_lookup(namespace: str, name: str) -> SecretValue | None:  # noqa: ARG001 -- the Protocol's arguments
    """Find nothing: the provider shows every Secret that there is."""
    return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: as its model, or Broken, and as it was given."""

    value: Resource | Broken
    raw: Raw


class ResourceStore:
    """Hold all objects and answer as a `ResourceReader`.

    `namespaces_have_uids`: one whose UID is not known is to be waited for; else it has none.
    """

    def __init__(
        self, *, operator_namespace: str, lookup: SecretLookup = no_lookup, namespaces_have_uids: bool = False
    ) -> None:
        self._operator_namespace = operator_namespace
        self._namespaces_have_uids = namespaces_have_uids
        self._lookup = lookup
        self._entries: dict[Key, Entry] = {}
        self._secrets: dict[Key, SecretValue] = {}
        self._by_kind: dict[Kind, dict[Key, None]] = {kind: {} for kind in KINDS}
        self._users: defaultdict[Key, dict[Key, None]] = defaultdict(dict)  # what is referred to -> who refers to it
        self._references: dict[Key, tuple[Key, ...]] = {}
        self._synced: set[Kind] = set()
        self._namespace_uids: dict[str, str] = {}
        self._events_quotas: dict[str, str] = {}
        self._namespace_doubts: Counter[str] = Counter()

    @property
    def synced(self) -> bool:
        """Tell whether every kind has been listed completely at least once."""
        return len(self._synced) == len(KINDS)

    @property
    def missing_kinds(self) -> tuple[Kind, ...]:
        """Give the kinds that have not been listed completely yet."""
        return tuple(kind for kind in KINDS if kind not in self._synced)

    def mark_synced(self, kind: Kind) -> None:
        """Note that all objects of a kind have been put."""
        self._synced.add(kind)

    def put(self, raw: Raw) -> bool:
        """Take in an object as its API writes it; tell whether a reconcile could see a difference.

        What is not readable as its kind becomes Broken. Raises KeyError when it has no kind, name or namespace.
        """
        key = key_of(raw)
        before = self._entries.get(key)
        self._entries[key] = Entry(_parsed(key, raw), raw)
        self._by_kind[key.kind][key] = None
        self._index(key, _references(key, self._entries[key].value))
        return before is None or _significant(before.raw) != _significant(raw)

    def put_secret(self, secret: SecretValue) -> bool:
        """Take in a Secret; tell whether anything in it is new."""
        key = Key("Secret", secret.namespace, secret.name)
        before = self._secrets.get(key)
        self._secrets[key] = secret
        self._by_kind["Secret"][key] = None
        return before != secret

    def remove(self, key: Key) -> bool:
        """Forget an object; tell whether it was there."""
        self._index(key, ())
        self._by_kind[key.kind].pop(key, None)
        known = self._entries.pop(key, None), self._secrets.pop(key, None)
        return known != (None, None)

    def raw(self, key: Key) -> Raw | None:
        """Give an object as it was given, its status included."""
        entry = self._entries.get(key)
        return entry.raw if entry else None

    def set_namespace_uid(self, namespace: str, uid: str) -> None:
        """Note the UID of a namespace."""
        self._namespace_uids[namespace] = uid

    def set_events_quota(self, namespace: str, quota: str | None) -> None:
        """Note what the platform wrote on a namespace about the room for its events; None: nothing."""
        if quota is None:
            self._events_quotas.pop(namespace, None)
        else:
            self._events_quotas[namespace] = quota

    def forget_namespace_uid(self, namespace: str) -> None:
        """Forget a UID that may be out of date."""
        self._namespace_uids.pop(namespace, None)
        self._namespace_doubts[namespace] += 1

    def namespace_doubts(self, namespace: str) -> int:
        """Count how often the UID of a namespace was forgotten: an answer asked for before the last one is stale."""
        return self._namespace_doubts[namespace]

    def knows_namespace(self, namespace: str) -> bool:
        """Tell whether the UID of a namespace has been set."""
        return namespace in self._namespace_uids

    # The ResourceReader.

    def endpoint(self, namespace: str, name: str) -> WebhookEndpoint | Broken | None:
        """Give an endpoint."""
        value = self._value(Key("WebhookEndpoint", namespace, name))
        return value if isinstance(value, WebhookEndpoint | Broken) else None

    def subscription(self, namespace: str, name: str) -> Subscription | Broken | None:
        """Give a Subscription."""
        value = self._value(Key("Subscription", namespace, name))
        return value if isinstance(value, Subscription | Broken) else None

    def pool(self, name: str) -> DispatcherPool | Broken | None:
        """Give a pool."""
        value = self._value(Key("DispatcherPool", self._operator_namespace, name))
        return value if isinstance(value, DispatcherPool | Broken) else None

    async def secret(self, namespace: str, name: str) -> SecretValue | None:
        """Give a Secret; one that is not shown is looked up once."""
        known = self._secrets.get(Key("Secret", namespace, name))
        return known if known is not None else await self._lookup(namespace, name)

    def subscriptions_of(self, namespace: str, endpoint: str) -> Iterable[Subscription]:
        """List the Subscriptions that refer to an endpoint, whether it exists or not."""
        users = self._users.get(Key("WebhookEndpoint", namespace, endpoint), {})
        return [value for key in users if isinstance(value := self._value(key), Subscription)]

    def endpoints_using(self, namespace: str, secret: str) -> Iterable[WebhookEndpoint]:
        """List the endpoints that refer to a Secret, whether it exists or not."""
        users = self._users.get(Key("Secret", namespace, secret), {})
        return [value for key in users if isinstance(value := self._value(key), WebhookEndpoint)]

    def keys(self, kind: Kind) -> Iterable[Key]:
        """List every object of a kind, broken ones too."""
        return tuple(self._by_kind[kind])

    def namespace_uid(self, namespace: str) -> str:
        """Give the UID of a namespace; empty where there is none to know, Unavailable where it is not known yet."""
        if self._namespaces_have_uids and namespace not in self._namespace_uids:
            raise Unavailable("NamespaceUnknown", f"namespace {namespace} cannot be read; is it gone? looking again")
        return self._namespace_uids.get(namespace, "")

    def events_quota(self, namespace: str) -> str | None:
        """Give what the platform wrote on a namespace about the room for its events."""
        return self._events_quotas.get(namespace)

    def _value(self, key: Key) -> Resource | Broken | None:
        entry = self._entries.get(key)
        return entry.value if entry else None

    def _index(self, key: Key, references: tuple[Key, ...]) -> None:
        for old in self._references.pop(key, ()):
            self._users[old].pop(key, None)
            if not self._users[old]:
                del self._users[old]
        if references:
            self._references[key] = references
        for new in references:
            self._users[new][key] = None


def key_of(raw: Raw) -> Key:
    """Read the key of an object as its API writes it; raise KeyError when it lacks one."""
    metadata = raw["metadata"]
    if raw["kind"] not in KINDS:
        raise KeyError(raw["kind"])
    return Key(raw["kind"], metadata["namespace"], metadata["name"])


def _parsed(key: Key, raw: Raw) -> Resource | Broken:
    try:
        return parse(raw)
    except Invalid as exc:
        metadata = raw["metadata"]
        return Broken(key, str(metadata.get("uid", "")), int(metadata.get("generation", 0)), exc.message)


def _references(key: Key, value: Resource | Broken) -> tuple[Key, ...]:
    if isinstance(value, Subscription):
        return (Key("WebhookEndpoint", key.namespace, value.spec.endpoint_ref.name),)
    if isinstance(value, WebhookEndpoint):
        return tuple(Key("Secret", key.namespace, name) for name in secret_names(value))
    return ()


def _significant(raw: Raw) -> tuple[object, ...]:
    # The status is not: the operator and the dispatchers write it themselves, and a resync repairs a stranger's write.
    metadata = raw["metadata"]
    names = ("uid", "generation", "labels", "annotations", "deletionTimestamp")
    return tuple(metadata.get(name) for name in names)
