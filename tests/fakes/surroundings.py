"""What a reconciler works with, in memory: the real store of resources, and records of what was written."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from jethook_contract.sealing import KeyRing
from jethook_operator.core.resources import Key, SecretValue
from jethook_operator.core.status import Condition, StatusPatch
from jethook_operator.shell.objects_status import status_document
from jethook_operator.shell.reconciler import Surroundings
from jethook_operator.shell.store import KINDS, ResourceStore
from tests.fixtures import kstatus

SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SIGNING_KEY = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
OPERATOR_NAMESPACE = "jethook-system"


class Clock:
    """A time of day that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class RecordingStatus:
    """Keep the last status of each object and count the writes; equal ones are no writes.

    Each must be one that kstatus reads as it is meant.
    """

    def __init__(self) -> None:
        self.last: dict[Key, StatusPatch] = {}
        self.writes = 0

    async def apply(self, patch: StatusPatch) -> bool:
        status = status_document(patch, current={}, now=datetime.now(UTC))
        kstatus.check({"metadata": {"generation": patch.observed_generation}, "status": status})
        if self.last.get(patch.key) == patch:
            return False
        self.last[patch.key] = patch
        self.writes += 1
        return True

    def condition(self, key: Key, type_name: str) -> Condition | None:
        found = [one for one in self.last[key].conditions if one.type == type_name]
        return found[0] if found else None

    def ready(self, key: Key) -> tuple[str, str]:
        """Give status and reason of Ready."""
        condition = self.condition(key, "Ready")
        assert condition is not None
        return condition.status, condition.reason


class RecordingEvents:
    """Keep every event."""

    def __init__(self) -> None:
        self.recorded: list[tuple[Key, str, str, str]] = []

    def record(self, key: Key, *, uid: str, severity: str, reason: str, message: str) -> None:
        assert isinstance(uid, str)
        self.recorded.append((key, severity, reason, message))

    def reasons(self, key: Key) -> list[str]:
        return [reason for who, _, reason, _ in self.recorded if who == key]


class World:
    """The surroundings of one reconciler: objects in, statuses and events out, and what it asked to be enqueued."""

    def __init__(self) -> None:
        self.store = ResourceStore(operator_namespace=OPERATOR_NAMESPACE)
        self.status = RecordingStatus()
        self.events = RecordingEvents()
        self.clock = Clock()
        self.enqueued: list[Key] = []
        self.ring = KeyRing(KeyRing.generate())

    def sync(self) -> None:
        """Have every kind listed."""
        for kind in KINDS:
            self.store.mark_synced(kind)

    def surroundings(self) -> Surroundings:
        return Surroundings(
            reader=self.store,
            status=self.status,
            events=self.events,
            key_ring=lambda _pool: self.ring,
            enqueue=self.enqueued.append,
            now=self.clock,
        )

    def put(self, *documents: Mapping[str, Any]) -> None:
        for document in documents:
            self.store.put(document)

    def put_secret(self, name: str, data: Mapping[str, str], *, labelled: str = "true") -> None:
        values = {key: SecretStr(value) for key, value in data.items()} if labelled == "true" else {}
        self.store.put_secret(SecretValue("shop", name, labelled == "true", values))


def document(kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
    """Write an object of namespace `shop`, as an API would show it."""
    namespace = OPERATOR_NAMESPACE if kind == "DispatcherPool" else "shop"
    return {
        "apiVersion": "jethook.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "generation": 1, **metadata},
        "spec": dict(spec),
    }


def endpoint(name: str = "orders", **spec: Any) -> dict[str, Any]:
    """Write a WebhookEndpoint."""
    return document("WebhookEndpoint", name, {"url": f"https://hooks.example.com/{name}?token=x", **spec})


def subscription(name: str = "all", *types: str, to: str = "orders", **spec: Any) -> dict[str, Any]:
    """Write a Subscription."""
    event_types = list(types) or ["com.example.order.**"]
    return document("Subscription", name, {"endpointRef": {"name": to}, "eventTypes": event_types, **spec})


def subscription_key(name: str = "all") -> Key:
    return Key("Subscription", "shop", name)


def endpoint_key(name: str = "orders") -> Key:
    return Key("WebhookEndpoint", "shop", name)
