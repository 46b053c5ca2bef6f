"""What the two sources of objects have in common: they fill the store, and name the keys that a change touches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from jethook_contract.metric_families import Family, Reading
from jethook_contract.sealing import KeyRing
from jethook_operator.api.dispatcherpool import DispatcherPool
from jethook_operator.core.pool_access import same_terms
from jethook_operator.core.resources import Broken, Key, Kind, ResourceReader, SecretValue
from jethook_operator.shell.reconciler import EventRecorder, StatusSink
from jethook_operator.shell.store import Raw, ResourceStore, key_of
from jethook_operator.shell.surroundings import PoolWork

Notify = Callable[[Key], None]
MakeIntake = Callable[[ResourceStore], "Intake"]


async def _nothing() -> None:
    """Have nothing to do."""


class Affected(Protocol):
    """Say who has to be looked at again when an object changes."""

    def __call__(self, changed: Key, *, reader: ResourceReader) -> Iterable[Key]:
        """List the keys in order."""


class Provider(Protocol):
    """Gather objects into an Intake until cancelled."""

    async def run(self) -> None:
        """Gather; raise a JethookError only when the process had better start anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What the process has towards its users: where objects come from, and where statuses and events go.

    `lead` is called once, when this process begins to lead and has looked at everything, before the first reconcile.
    `before` and `after` surround each reconcile. `background` runs as long as the process leads. `forget` is called
    when NATS may have changed unseen; `close` in the end. `ailment` says why a new process would do better, empty for
    well. `readings`: metrics of its own.
    """

    provider: Provider
    status: StatusSink
    events: EventRecorder
    before: Callable[[Key], Awaitable[None]]
    after: Callable[[Key], Awaitable[None]]
    background: Callable[[], Coroutine[Any, Any, None]]
    forget: Callable[[], None]
    close: Callable[[], Awaitable[None]]
    lead: Callable[[], Awaitable[None]] = _nothing
    ailment: Callable[[], str] = str
    readings: Mapping[Family, Reading] = field(default_factory=dict)
    children: PoolWork | None = None
    key_ring: Callable[[str], KeyRing] | None = None


class Intake:
    """Put what a provider sees into the store, and notify of each key that has to be reconciled for it.

    `affected` is asked before and after a change: a Subscription that moves to another endpoint touches both.
    """

    def __init__(self, store: ResourceStore, *, affected: Affected, notify: Notify) -> None:
        self._store = store
        self._affected = affected
        self._notify = notify
        self._gathered = asyncio.Event()
        self._synced = asyncio.Event()

    @property
    def store(self) -> ResourceStore:
        """Give the store that is filled."""
        return self._store

    def put(self, raw: Raw) -> None:
        """Take in an endpoint, Subscription or pool."""
        key = key_of(raw)
        before, pool_before = self._touched(key), self._pool(key)
        if not self._store.put(raw):
            return
        if key.kind == "DispatcherPool" and same_terms(pool_before, self._pool(key)):
            self._notify(key)  # an autoscaler writes a pool often, and none of its endpoints cares
        else:
            self._announce([*before, *self._touched(key)])

    def put_secret(self, secret: SecretValue) -> None:
        """Take in a Secret."""
        if self._store.put_secret(secret):
            self._announce(self._touched(Key("Secret", secret.namespace, secret.name)))

    def remove(self, key: Key) -> None:
        """Take note that an object is gone."""
        before = self._touched(key)
        if self._store.remove(key):
            self._announce([*before, *self._touched(key)])

    def mark_synced(self, kind: Kind) -> None:
        """Note that all objects of a kind have been put."""
        self._store.mark_synced(kind)
        if self._store.synced:
            self._synced.set()

    def mark_gathered(self) -> None:
        """Note that the first look is over, be it complete or not: reconciles may start."""
        self._gathered.set()

    async def gathered(self) -> None:
        """Wait until the first look is over."""
        await self._gathered.wait()

    async def synced(self) -> None:
        """Wait until every kind has been listed completely."""
        await self._synced.wait()

    def announce(self, key: Key) -> None:
        """Have one object reconciled."""
        self._notify(key)

    def announce_affected(self, key: Key) -> None:
        """Have an object reconciled, and all that depend on it."""
        self._announce([key, *self._touched(key)])

    def announce_all(self) -> None:
        """Have every object reconciled."""
        for kind in ("WebhookEndpoint", "Subscription", "DispatcherPool"):
            for key in self._store.keys(kind):
                self._notify(key)

    def _pool(self, key: Key) -> DispatcherPool | Broken | None:
        return self._store.pool(key.name) if key.kind == "DispatcherPool" else None

    def _touched(self, key: Key) -> list[Key]:
        return list(self._affected(key, reader=self._store))

    def _announce(self, keys: Iterable[Key]) -> None:
        for key in dict.fromkeys(keys):
            self._notify(key)
