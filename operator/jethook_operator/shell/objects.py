"""Objects with their statuses in NATS, where no Kubernetes API holds them; and events as lines of the log.

Each object is JSON in the bucket `jethook-objects` at `<kind>.<namespace>.<name>`, as the Kubernetes API would show it.
Secrets are never there. The reconciler makes the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, NoKeysError
from nats.js.kv import KeyValue

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import OBJECTS_BUCKET
from jethook_operator.api.parse import parse
from jethook_operator.core.resources import Key
from jethook_operator.core.status import StatusPatch
from jethook_operator.shell.objects_status import status_document
from jethook_operator.shell.store import KINDS, Raw, ResourceStore

_log = structlog.get_logger(__name__)


class ObjectsSink:
    """Write objects with their statuses to the bucket; `written` counts the writes."""

    def __init__(self, js: JetStreamContext, *, store: ResourceStore, clock: Callable[[], datetime]) -> None:
        self.written = 0
        self._js = js
        self._store = store
        self._clock = clock
        self._last: dict[Key, Mapping[str, Any]] = {}
        self._kv: KeyValue | None = None

    async def apply(self, patch: StatusPatch) -> bool:
        """Write an object unless it lies there so already; tell whether it was written. Raises Unavailable."""
        raw = self._store.raw(patch.key)
        if raw is None:
            return False
        try:
            bucket = await self._bucket()
            last = await self._read(bucket, patch.key)
            status = status_document(patch, current=last.get("status") or {}, now=self._clock())
            seen_first = last.get("metadata", {}).get("creationTimestamp") or f"{self._clock():%Y-%m-%dT%H:%M:%SZ}"
            document = json.loads(json.dumps(_document(raw, patch.key, status, since=seen_first), default=str))
            if document == last:
                return False
            await bucket.put(_bucket_key(patch.key), json.dumps(document).encode())
        except (NatsError, TimeoutError) as exc:
            raise self._unavailable(exc) from exc
        self._last[patch.key] = document
        self.written += 1
        return True

    async def remove(self, key: Key) -> None:
        """Remove an object that is gone; raises Unavailable."""
        try:
            await (await self._bucket()).purge(_bucket_key(key))
        except (NatsError, TimeoutError) as exc:
            raise self._unavailable(exc) from exc
        self._last.pop(key, None)

    async def keys(self) -> tuple[Key, ...]:
        """List the objects in the bucket, none when it is not there yet; raises Unavailable."""
        try:
            found = await (await self._bucket()).keys()
        except (NoKeysError, BucketNotFoundError):
            return ()
        except (NatsError, TimeoutError) as exc:
            raise self._unavailable(exc) from exc
        return tuple(key for name in found if (key := _key(name)) is not None)

    def forget(self) -> None:
        """Trust nothing that was known of NATS: it may have come back empty."""
        self._last.clear()
        self._kv = None

    async def _bucket(self) -> KeyValue:
        if self._kv is None:
            self._kv = await self._js.key_value(OBJECTS_BUCKET)
        return self._kv

    async def _read(self, bucket: KeyValue, key: Key) -> Mapping[str, Any]:
        if key not in self._last:
            try:
                entry = await bucket.get(_bucket_key(key))
                self._last[key] = json.loads(entry.value or b"{}")
            except (KeyNotFoundError, ValueError):
                return {}
        return self._last[key]

    def _unavailable(self, error: Exception) -> Unavailable:
        self.forget()
        return Unavailable("NATSUnavailable", f"bucket {OBJECTS_BUCKET}: {str(error) or type(error).__name__}")


class EventLog:
    """Record events as lines of the log."""

    def record(self, key: Key, *, uid: str, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:  # noqa: ARG002 -- the Protocol's argument
        """Record one event on an object."""
        write = _log.warning if severity == "Warning" else _log.info
        write("object_event", kind=key.kind, namespace=key.namespace, name=key.name, reason=reason, message=message)


def _document(raw: Raw, key: Key, status: Mapping[str, Any], *, since: str) -> Mapping[str, Any]:
    shown = ("labels", "annotations", "generation")
    metadata = {name: raw["metadata"][name] for name in shown if name in raw["metadata"]}
    return {
        "apiVersion": raw["apiVersion"],
        "kind": key.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, "creationTimestamp": since, **metadata},
        "spec": _with_defaults(raw),
        "status": status,
    }


def _with_defaults(raw: Raw) -> Mapping[str, Any]:
    """Give the spec as an API server would keep it, with its defaults; as it is written where it cannot be read."""
    try:
        spec: Mapping[str, Any] = parse(raw).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    except Invalid:
        return raw.get("spec") or {}
    return spec


def _bucket_key(key: Key) -> str:
    return f"{key.kind}.{key.namespace}.{key.name}"


def _key(name: str) -> Key | None:
    kind, namespace, rest = (*name.split(".", 2), "", "")[:3]
    return next((Key(known, namespace, rest) for known in KINDS if known == kind and rest), None)
