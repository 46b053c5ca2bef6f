"""What the two sources of objects have in common: they fill the store, and name the keys that a change touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from jethook_operator.core.resources import Key, Kind, ResourceReader, SecretValue
from jethook_operator.shell.store import Raw, ResourceStore, key_of

Notify = Callable[[Key], None]


class Affected(Protocol):
    """Say who has to be looked at again when an object changes."""

    def __call__(self, changed: Key, *, reader: ResourceReader) -> Iterable[Key]:
        """List the keys in order."""


class Provider(Protocol):
    """Gather objects into an Intake until cancelled."""

    async def run(self) -> None:
        """Gather; raise a JethookError only when the process had better start anew."""


class Intake:
    """Put what a provider sees into the store, and notify of each key that has to be reconciled for it.

    `affected` is asked before and after a change: a Subscription that moves to another endpoint touches both.
    """

    def __init__(self, store: ResourceStore, *, affected: Affected, notify: Notify) -> None:
        self._store = store
        self._affected = affected
        self._notify = notify

    @property
    def store(self) -> ResourceStore:
        """Give the store that is filled."""
        return self._store

    def put(self, raw: Raw) -> None:
        """Take in an endpoint, Subscription or pool."""
        key = key_of(raw)
        before = self._touched(key)
        if self._store.put(raw):
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

    def announce_all(self) -> None:
        """Have every object reconciled."""
        for kind in ("WebhookEndpoint", "Subscription", "DispatcherPool"):
            for key in self._store.keys(kind):
                self._notify(key)

    def _touched(self, key: Key) -> list[Key]:
        return list(self._affected(key, reader=self._store))

    def _announce(self, keys: Iterable[Key]) -> None:
        for key in dict.fromkeys(keys):
            self._notify(key)
