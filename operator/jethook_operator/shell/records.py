"""Remove the records of dispatchers that are left of objects that are gone, so that the pools' buckets do not grow.

A Subscription's attempt counts and report go when its consumer has been removed for good: until then a namesake goes on
with them. An endpoint's report goes when neither object nor plan part is there, and nobody wrote it for the grace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from jethook_contract import names
from jethook_contract.errors import Invalid
from jethook_operator.core.records import RecordPlace, retries_record, status_record
from jethook_operator.core.resources import ResourceReader
from jethook_operator.shell.buckets import bucket_stream
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.orphans import NatsParts

MAX_REMOVALS = 500  # and questions for an age, in one look; the next one goes on
_READERS = ((names.retries_bucket(""), retries_record), (names.status_bucket(""), status_record))
_log = structlog.get_logger(__name__)


class Records:
    """Look for leftovers in the buckets of all pools of this installation."""

    def __init__(
        self,
        api: JetStreamApi,
        *,
        parts: NatsParts,
        reader: ResourceReader,
        grace_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._api = api
        self._reader = reader
        self._parts = parts
        self._grace = timedelta(seconds=grace_seconds)
        self._now = now

    async def look(self) -> int:
        """Remove at most `MAX_REMOVALS` leftovers, and count them. Does nothing before every kind was listed."""
        if not self._reader.synced:
            return 0
        removed = asked = 0
        for place in await self._absent():
            if max(removed, asked) >= MAX_REMOVALS:
                break
            asked += place.of.kind == "WebhookEndpoint"
            removed += await self._remove(place)
        if removed:
            _log.info("records_removed", count=removed)
        return removed

    async def _absent(self) -> list[RecordPlace]:
        """List the records whose object is not there; those of endpoints, which cost a question each, come last."""
        found = [place for place in await self._all() if not self._is_there(place)]
        return sorted(found, key=lambda place: (place.of.kind, place.bucket, place.key))

    async def _all(self) -> list[RecordPlace]:
        found: list[RecordPlace] = []
        for prefix, read in _READERS:
            for stream in await self._parts.streams.named(bucket_stream(prefix)):
                bucket = stream.removeprefix(bucket_stream(""))
                keys = await self._keys(bucket)
                found.extend(place for key in keys if (place := read(bucket, key)) is not None)
        return found

    async def _keys(self, bucket: str) -> Iterable[str]:
        prefix = f"$KV.{bucket}."
        keys: list[str] = []
        while True:
            question = {"subjects_filter": f"{prefix}>", "offset": len(keys)}
            info = await self._api.request(f"STREAM.INFO.{bucket_stream(bucket)}", question)
            subjects = info["state"].get("subjects") or {}
            keys.extend(subject.removeprefix(prefix) for subject in subjects)
            if not subjects or len(keys) >= info.get("total", 0):
                return keys

    def _is_there(self, place: RecordPlace) -> bool:
        of, reader, plans = place.of, self._reader, self._parts.plans
        if of.kind == "Subscription":
            there = reader.subscription(of.namespace, of.name) is not None
            return there or bool(plans.of_subscription(of.namespace, of.name))
        there = reader.endpoint(of.namespace, of.name) is not None
        return there or bool(plans.of_endpoint(of.namespace, of.name))

    async def _remove(self, place: RecordPlace) -> bool:
        if place.of.kind == "WebhookEndpoint":
            return await self._is_old(place) and await self._purge(place)
        async with self._parts.locks.of(place.of.namespace, place.of.name):
            return await self._is_without_consumer(place) and await self._purge(place)

    async def _is_without_consumer(self, place: RecordPlace) -> bool:
        try:
            stream = names.events_stream(place.of.namespace)
            return await self._parts.consumers.observe(stream, place.of.name) is None
        except Invalid:
            return False  # another installation's, which may share the pool

    async def _is_old(self, place: RecordPlace) -> bool:
        question = {"last_by_subj": f"$KV.{place.bucket}.{place.key}"}
        found = await self._api.find(f"STREAM.MSG.GET.{bucket_stream(place.bucket)}", question)
        return found is not None and self._now() - _time(found) >= self._grace

    async def _purge(self, place: RecordPlace) -> bool:
        """Remove a record without leaving a mark of it, unless its object came back meanwhile."""
        if self._is_there(place):
            return False
        stream = bucket_stream(place.bucket)
        await self._api.find(f"STREAM.PURGE.{stream}", {"filter": f"$KV.{place.bucket}.{place.key}"})
        return True


def _time(answer: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(answer["message"]["time"])
