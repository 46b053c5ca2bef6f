"""Consumers: one durable pull consumer a Subscription, widened and narrowed as core decides, never rebuilt."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from jethook_contract import names
from jethook_contract.errors import Invalid
from jethook_contract.plan import RetiredType
from jethook_operator.core.filters import Filters
from jethook_operator.core.observations import ObservedConsumer
from jethook_operator.shell.jetstream import NANOSECONDS, JetStreamApi, differences, own_metadata

METADATA_WANTED = "jethook.io/wanted"  # JSON list: the filters that the spec wanted; the consumer's may be wider
ACK_WAIT_SECONDS = 30


class Consumers:
    """Keep the consumers of Subscriptions; what is known to be right is not asked for again."""

    def __init__(self, api: JetStreamApi, *, install_id: str) -> None:
        self._api = api
        self._install_id = install_id
        self._known: dict[str, dict[str, dict[str, Any]]] = {}  # stream -> consumer -> its info
        self._loads: list[tuple[str, set[str]]] = []  # what changes while a list is under way is newer than the list
        self._first_load = asyncio.Lock()

    def forget(self) -> None:
        """Drop all that is known."""
        self._known.clear()

    async def load(self, stream: str) -> dict[str, ObservedConsumer]:
        """List the consumers of Subscriptions on a stream that are ours, by consumer name; asks NATS."""
        touched: set[str] = set()
        self._loads.append((stream, touched))
        try:
            found = await self._api.list_all(f"CONSUMER.LIST.{stream}", field="consumers")
        finally:
            self._loads.remove((stream, touched))
        listed = {info["name"]: _slim(info) for info in found if info["name"] not in touched}
        newer = {name: info for name, info in self._known.get(stream, {}).items() if name in touched}
        self._known[stream] = listed | newer
        return {
            name: _observed(info)
            for name, info in self._known[stream].items()
            if name.startswith(names.SUBSCRIPTION_CONSUMER_PREFIX) and self._owner(info) == self._install_id
        }

    def sweeps(self, stream: str) -> tuple[str, ...]:
        """List the Subscriptions whose removal was under way on a stream when it was loaded."""
        prefix = names.SWEEP_CONSUMER_PREFIX
        ours = (name for name, info in self._known.get(stream, {}).items() if self._owner(info) == self._install_id)
        return tuple(name.removeprefix(prefix) for name in ours if name.startswith(prefix))

    async def observe(self, stream: str, subscription: str) -> ObservedConsumer | None:
        """Give a Subscription's consumer as it was last seen, or None; raises Invalid OtherInstall.

        Good enough to see that nothing is to be done; before a change, `observe_fresh`.
        """
        async with self._first_load:
            if stream not in self._known:
                await self.load(stream)
        name = names.subscription_consumer(subscription)
        return self._checked(name, self._known.get(stream, {}).get(name))

    async def observe_fresh(self, stream: str, subscription: str) -> ObservedConsumer | None:
        """Ask NATS for a Subscription's consumer, or give None; raises Invalid OtherInstall."""
        name = names.subscription_consumer(subscription)
        return self._checked(name, await self._fresh(stream, name))

    async def ensure(self, stream: str, subscription: str, *, filters: Filters, max_ack_pending: int, uid: str) -> None:
        """Have the consumer with these filters and bound; writes only what differs. It is ours, as `observe` said."""
        name = names.subscription_consumer(subscription)
        known = self._known.get(stream, {}).get(name)
        config = _config(name, filters=filters, metadata=self._metadata(filters, uid=uid))
        config["max_ack_pending"] = max_ack_pending
        if known is None:
            await self._write(stream, name, action="create", config=config | _AT_CREATION)
        elif differences(config, known["config"] | {"filter_subjects": _filters(known["config"])}):
            kept = {key: value for key, value in known["config"].items() if key != "filter_subject"}
            await self._write(stream, name, action="update", config=kept | config)

    async def mark_orphaned(self, stream: str, subscription: str, *, at: str) -> None:
        """Write into a consumer's metadata that its object is gone since `at` (RFC 3339); empty: it is back."""
        name = names.subscription_consumer(subscription)
        info = await self._fresh(stream, name)
        if info is None or self._owner(info) != self._install_id:
            return
        metadata = own_metadata(info["config"])
        metadata.pop(names.METADATA_ORPHANED_AT, None)
        if at:
            metadata[names.METADATA_ORPHANED_AT] = at
        await self._write(stream, name, action="update", config=info["config"] | {"metadata": metadata})

    def drop(self, stream: str, subscription: str) -> None:
        """Forget a consumer that was removed."""
        self._remember(stream, names.subscription_consumer(subscription), None)

    async def _fresh(self, stream: str, name: str) -> dict[str, Any] | None:
        info = await self._api.find(f"CONSUMER.INFO.{stream}.{name}")
        self._remember(stream, name, info)
        return info

    async def _write(self, stream: str, name: str, *, action: str, config: dict[str, Any]) -> None:
        request = {"stream_name": stream, "action": action, "config": config}
        try:
            info = await self._api.request(f"CONSUMER.CREATE.{stream}.{name}", request)
        except BaseException:
            self._known.pop(stream, None)  # whether it was written is not known
            raise
        self._remember(stream, name, info)

    def _remember(self, stream: str, name: str, info: dict[str, Any] | None) -> None:
        for loading, touched in self._loads:
            if loading == stream:
                touched.add(name)
        known = self._known.get(stream)
        if known is not None:
            known.pop(name, None)
            if info is not None:
                known[name] = _slim(info)

    def _metadata(self, filters: Filters, *, uid: str) -> dict[str, str]:
        metadata = {
            names.METADATA_INSTALL_ID: self._install_id,
            names.METADATA_UID: uid,
            METADATA_WANTED: json.dumps(filters.wanted),
        }
        if filters.retired:
            retired = [json.loads(one.encode()) for one in filters.retired]
            metadata[names.METADATA_RETIRED] = json.dumps(retired)
        return metadata

    def _owner(self, info: dict[str, Any]) -> str:
        return own_metadata(info["config"]).get(names.METADATA_INSTALL_ID, "")

    def _checked(self, name: str, info: dict[str, Any] | None) -> ObservedConsumer | None:
        if info is None:
            return None
        if (owner := self._owner(info)) != self._install_id:
            whose = f'installation "{owner}"' if owner else "somebody else"
            raise Invalid("OtherInstall", f"consumer {name} belongs to {whose} and is not touched; remove it")
        return _observed(info)


_AT_CREATION = {"deliver_policy": "new", "replay_policy": "instant"}  # immutable: never part of a comparison


def _config(name: str, *, filters: Filters, metadata: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "durable_name": name,
        "ack_policy": "explicit",
        "ack_wait": ACK_WAIT_SECONDS * NANOSECONDS,
        "max_deliver": -1,
        "filter_subjects": list(filters.subjects),
        "metadata": metadata,
    }


def _slim(info: dict[str, Any]) -> dict[str, Any]:
    return {field: info[field] for field in ("name", "config", "ack_floor", "num_pending", "num_ack_pending")}


def _observed(info: dict[str, Any]) -> ObservedConsumer:
    metadata, filters = own_metadata(info["config"]), tuple(sorted(_filters(info["config"])))
    retired = json.loads(metadata.get(names.METADATA_RETIRED, "[]"))
    return ObservedConsumer(
        name=info["name"],
        filters=filters,
        wanted=tuple(json.loads(metadata.get(METADATA_WANTED, json.dumps(filters)))),
        retired=tuple(RetiredType.model_validate(one) for one in retired),
        uid=metadata.get(names.METADATA_UID, ""),
        orphaned_at=metadata.get(names.METADATA_ORPHANED_AT, ""),
        ack_floor=info["ack_floor"]["stream_seq"],
        num_pending=info["num_pending"],
        num_ack_pending=info["num_ack_pending"],
        max_ack_pending=info["config"].get("max_ack_pending", 0),
    )


def _filters(config: dict[str, Any]) -> list[str]:
    """Give the filters of a configuration; the server writes a single one into a field of its own."""
    return list(config.get("filter_subjects") or [config.get("filter_subject", "")])
