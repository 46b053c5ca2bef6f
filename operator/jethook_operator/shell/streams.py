"""Streams: events and dead letters of a namespace, and the attempts log; made, updated, never taken over.

Those of a namespace that is gone are put away by `retirement`, so that its namesake has its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jethook_contract import names
from jethook_contract.errors import Invalid
from jethook_contract.subjects import ATTEMPTS_PREFIX, DEADLETTERS_PREFIX, DIRECT_PREFIX, EVENTS_PREFIX
from jethook_operator.core.observations import ObservedStream
from jethook_operator.shell.jetstream import NANOSECONDS, JetStreamApi, differences, own_metadata

EVENT_MAX_BYTES = 768 * 1024
HEADERS_MAX_BYTES = 64 * 1024
MAX_CONSUMERS = 10_000  # any positive number lifts the server's own bound of 1,000
DUPLICATE_WINDOW_SECONDS = 120
_BUCKETS = "KV_jethook-"
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """How streams, consumers and buckets are made.

    `install_id` marks what belongs to this installation. `replicas`: 1, 3 or 5. Sizes are in bytes, and are reserved
    when a stream is made. `sweep_seconds`: between two looks for orphans. `orphan_grace_seconds`: how long the consumer
    of a deleted Subscription is kept. `orphan_hold_percent`: the removal holds when more than ten things are there and
    more than this share of them would go at once; 100 never holds.
    """

    install_id: str
    replicas: int = 1
    events_max_bytes: int = 512 * _MEBIBYTE
    deadletters_max_bytes: int = 128 * _MEBIBYTE
    deadletters_max_per_subscription: int = 10_000
    attempts_max_bytes: int = 256 * _MEBIBYTE
    attempts_max_age_seconds: int = 3600
    orphan_grace_seconds: float = 86_400.0
    orphan_hold_percent: int = 20
    sweep_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamUsage:
    """What a stream holds now."""

    last_sequence: int
    messages: int
    bytes: int


class Streams:
    """Keep the streams as they should be; what is known to be right is not asked for again."""

    def __init__(self, api: JetStreamApi, *, settings: StreamSettings) -> None:
        self._api = api
        self._settings = settings
        self._known: dict[str, dict[str, Any]] = {}  # stream -> configuration that it was seen or made with
        self._changing = asyncio.Lock()

    def forget(self, namespace: str | None = None) -> None:
        """Drop what is known of one namespace's streams, or of all."""
        if namespace is None:
            self._known.clear()
            return
        self._known.pop(names.events_stream(namespace), None)
        self._known.pop(names.deadletters_stream(namespace), None)

    def owns(self, config: Mapping[str, Any]) -> bool:
        """Tell whether a stream or consumer with this configuration belongs to this installation."""
        return own_metadata(config).get(names.METADATA_INSTALL_ID) == self._settings.install_id

    async def ensure_namespace(
        self, namespace: str, *, uid: str, events_max_bytes: int | None = None
    ) -> ObservedStream:
        """Have the streams of a namespace; raises Invalid OtherInstall or OtherNamespace, and Unavailable NoQuota.

        `events_max_bytes`: room for its events, None for what the settings say. A server that is told less than the
        stream holds keeps all of it, and refuses new events.
        """
        metadata = {names.METADATA_NAMESPACE_UID: uid} if uid else {}
        await self.ensure(self._deadletters(namespace), metadata=metadata)
        room = self._settings.events_max_bytes if events_max_bytes is None else events_max_bytes
        events = await self.ensure(self._events(namespace, max_bytes=room), metadata=metadata)
        return ObservedStream(
            name=names.events_stream(namespace), namespace_uid=events.get(names.METADATA_NAMESPACE_UID, "")
        )

    async def ensure_attempts(self) -> None:
        """Have the log of attempts."""
        await self.ensure(self._attempts(), metadata={})

    async def ensure(self, config: dict[str, Any], *, metadata: dict[str, str]) -> dict[str, str]:
        """Have a stream with this configuration; give its metadata."""
        metadata = {names.METADATA_INSTALL_ID: self._settings.install_id, **metadata}
        known = self._known.get(config["name"])
        if known is not None and known == config | {"metadata": known["metadata"] | metadata}:
            return dict(known["metadata"])
        async with self._changing:
            return await self._ensure(config, metadata=metadata)

    async def verify(self) -> bool:
        """Compare what is known with what NATS has; False when something is gone or was changed by others."""
        listed = {item["config"]["name"]: item["config"] for item in await self._list()}
        wrong = {
            name for name, config in self._known.items() if name not in listed or differences(config, listed[name])
        }
        for name in wrong:
            self._known.pop(name, None)
        return not wrong

    async def usage(self, stream: str) -> StreamUsage:
        """Ask what a stream holds."""
        state = (await self._api.request(f"STREAM.INFO.{stream}"))["state"]
        return StreamUsage(last_sequence=state["last_seq"], messages=state["messages"], bytes=state["bytes"])

    async def namespaces(self) -> dict[str, str]:
        """List the namespaces whose events stream is ours, each with the time since when it is an orphan, or empty."""
        found: dict[str, str] = {}
        for item in await self._list():
            name, metadata = item["config"]["name"], own_metadata(item["config"])
            if self.owns(item["config"]) and name.startswith(names.EVENTS_STREAM_PREFIX):
                namespace = name.removeprefix(names.EVENTS_STREAM_PREFIX)
                found[namespace] = metadata.get(names.METADATA_ORPHANED_AT, "")
        return found

    async def named(self, prefix: str) -> tuple[str, ...]:
        """List the streams of this installation whose names begin so; those behind buckets are streams too."""
        ours = (item["config"]["name"] for item in await self._list() if self.owns(item["config"]))
        return tuple(sorted(name for name in ours if name.startswith(prefix)))

    async def retired(self) -> dict[str, str]:
        """List the streams that keep the events of gone namespaces, each with the time since when."""
        return {
            item["config"]["name"]: own_metadata(item["config"]).get(names.METADATA_ORPHANED_AT, "")
            for item in await self._list()
            if self.owns(item["config"]) and item["config"]["name"].startswith(names.RETIRED_STREAM_PREFIX)
        }

    async def remove_retired(self, name: str) -> None:
        """Delete a stream that `retired` listed, with what it holds; one that is still being filled stays."""
        found = await self._api.find(f"STREAM.INFO.{name}")
        if found is not None and self.owns(found["config"]) and not found["config"].get("sources"):
            await self._api.find(f"STREAM.DELETE.{name}")

    async def mark_orphaned(self, namespace: str, *, at: str) -> None:
        """Write into a namespace's events stream that no object needs it since `at` (RFC 3339); empty: needed again."""
        name = names.events_stream(namespace)
        found = await self._api.find(f"STREAM.INFO.{name}")
        if found is None:
            return
        metadata = own_metadata(found["config"])
        metadata.pop(names.METADATA_ORPHANED_AT, None)
        if at:
            metadata[names.METADATA_ORPHANED_AT] = at
        self.forget(namespace)
        await self._api.request(f"STREAM.UPDATE.{name}", found["config"] | {"metadata": metadata})

    async def remove_empty(self, namespace: str) -> bool:
        """Delete the streams of a namespace that hold no message and have no consumer; False when one must stay."""
        self.forget(namespace)
        removed = [await self._remove_empty(name) for name in _of_namespace(namespace)]
        return all(removed)

    async def _remove_empty(self, name: str) -> bool:
        found = await self._api.find(f"STREAM.INFO.{name}")
        if found is None:
            return True
        if not self.owns(found["config"]) or found["state"]["messages"] or found["state"]["consumer_count"]:
            return False
        await self._api.find(f"STREAM.DELETE.{name}")
        return True

    async def _list(self) -> list[dict[str, Any]]:
        return await self._api.list_all("STREAM.LIST", field="streams")

    async def _ensure(self, config: dict[str, Any], *, metadata: dict[str, str]) -> dict[str, str]:
        name = config["name"]
        found = await self._api.find(f"STREAM.INFO.{name}")
        if found is None:
            wanted = config | {"metadata": metadata}
            await self._api.request(f"STREAM.CREATE.{name}", wanted)
        else:
            wanted = config | {"metadata": self._checked(name, own_metadata(found["config"]), metadata=metadata)}
            if differences(wanted, found["config"]):
                await self._api.request(f"STREAM.UPDATE.{name}", found["config"] | wanted)
        self._known[name] = wanted
        return dict(wanted["metadata"])

    def _checked(self, name: str, found: dict[str, str], *, metadata: dict[str, str]) -> dict[str, str]:
        """Refuse what is another's; give the metadata to write. An unknown UID (objects from files) changes none."""
        owner = found.get(names.METADATA_INSTALL_ID, "")
        unmarked_bucket = not owner and name.startswith(_BUCKETS)  # made by a process of ours that came first
        if not unmarked_bucket and owner != self._settings.install_id:
            whose = f'installation "{owner}"' if owner else "somebody else"
            raise Invalid(
                "OtherInstall",
                f"stream {name} belongs to {whose} and is not touched; remove it, or give this installation that id",
            )
        known, uid = found.get(names.METADATA_NAMESPACE_UID, ""), metadata.get(names.METADATA_NAMESPACE_UID, "")
        if known and uid and known != uid:
            raise Invalid(
                "OtherNamespace",
                f"stream {name} belongs to an earlier namespace of this name (UID {known}); it is about to be retired",
            )
        return metadata if uid or not known else metadata | {names.METADATA_NAMESPACE_UID: known}

    def _events(self, namespace: str, *, max_bytes: int) -> dict[str, Any]:
        return self._stream(names.events_stream(namespace)) | {
            "subjects": [f"{EVENTS_PREFIX}{namespace}.>", f"{DIRECT_PREFIX}{namespace}.*"],
            "retention": "interest",
            "discard": "new",
            "max_bytes": max_bytes,
            "max_msg_size": EVENT_MAX_BYTES + HEADERS_MAX_BYTES,
        }

    def _deadletters(self, namespace: str) -> dict[str, Any]:
        return self._stream(names.deadletters_stream(namespace)) | {
            "subjects": [f"{DEADLETTERS_PREFIX}{namespace}.*"],
            "retention": "limits",
            "discard": "new",
            "discard_new_per_subject": True,
            "max_msgs_per_subject": self._settings.deadletters_max_per_subscription,
            "max_bytes": self._settings.deadletters_max_bytes,
            "max_msg_size": EVENT_MAX_BYTES + 2 * HEADERS_MAX_BYTES,
        }

    def _attempts(self) -> dict[str, Any]:
        return self._stream(names.ATTEMPTS_STREAM) | {
            "subjects": [f"{ATTEMPTS_PREFIX}*"],
            "retention": "limits",
            "discard": "old",
            "max_age": self._settings.attempts_max_age_seconds * NANOSECONDS,
            "max_bytes": self._settings.attempts_max_bytes,
        }

    def _stream(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "storage": "file",
            "num_replicas": self._settings.replicas,
            "max_consumers": MAX_CONSUMERS,
            "duplicate_window": DUPLICATE_WINDOW_SECONDS * NANOSECONDS,
        }


def _of_namespace(namespace: str) -> Iterable[str]:
    return (names.events_stream(namespace), names.deadletters_stream(namespace))
