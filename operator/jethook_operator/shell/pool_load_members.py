"""The members of a pool as the operator sees them: who lives, how busy each is, and who owns a shard.

A lease is read and not watched, and counts once it was seen to change: a member that is gone leaves one that does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.members import SHARD_COUNT, ClaimRecord, LeaseRecord
from jethook_contract.names import claim_key, lease_key, members_bucket
from jethook_operator.shell.buckets import bucket_stream
from jethook_operator.shell.jetstream import unreachable

DEAD_SECONDS = 10.0  # without a change: the rule of the members themselves (design section 6)
MAX_LEASES = 1024
_TIMEOUT_SECONDS = 5.0
_END_OF_BATCH = "204"
_NOTHING = "404"


@dataclass(frozen=True, slots=True)
class _Seen:
    revision: int
    changed_at: float | None  # None: it was never seen to change


class PoolMembers:
    """Follow the leases of one pool. All reads raise Unavailable when NATS does not answer."""

    def __init__(self, client: Client, *, pool: str) -> None:
        self._client = client
        self._bucket = members_bucket(pool)
        self._seen: dict[str, _Seen] = {}

    async def live(self, *, now: float) -> Mapping[str, int]:
        """Give the utilisation, 0 to 100, of each member that lives; `now` in monotonic seconds."""
        leases = {key: _lease(message) for key, message in (await self._last([lease_key("*")])).items()}
        self._seen = {
            key: self._moved(key, revision=revision, now=now)
            for key, (record, revision) in leases.items()
            if record is not None and record.state == "Live"
        }
        return {
            record.member: max(0, min(100, record.utilization_percent))
            for key, (record, _) in leases.items()
            if record is not None and key in self._seen and _lives(self._seen[key], now=now)
        }

    async def owners(self, shards: Sequence[int]) -> Mapping[int, str]:
        """Give the member that claims each of these shards, as far as one does."""
        if not shards:
            return {}
        found = await self._last([claim_key(shard) for shard in shards])
        claims = {int(key.rpartition(".")[2]): _claim(message) for key, message in found.items()}
        return {shard: claim.member for shard, claim in claims.items() if claim is not None and not claim.released}

    def _moved(self, key: str, *, revision: int, now: float) -> _Seen:
        before = self._seen.get(key)
        if before is None:
            return _Seen(revision, None)
        return before if before.revision == revision else _Seen(revision, now)

    async def _last(self, keys: Sequence[str]) -> dict[str, Msg]:
        """Get the last message of each key, by key: one request, answered in a batch (nats-server 2.11)."""
        if not self._client.is_connected:
            raise unreachable()
        prefix = f"$KV.{self._bucket}."
        subjects = [prefix + key for key in keys]
        question = json.dumps({"multi_last": subjects, "batch": MAX_LEASES + SHARD_COUNT}).encode()
        inbox = self._client.new_inbox()
        found: dict[str, Msg] = {}
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                subscription = await self._client.subscribe(inbox)
                try:
                    stream = bucket_stream(self._bucket)
                    await self._client.publish(f"$JS.API.DIRECT.GET.{stream}", question, reply=inbox)
                    while True:
                        message = await subscription.next_msg(timeout=None)
                        subject = (message.headers or {}).get("Nats-Subject")
                        if subject is None:
                            break
                        found[subject.removeprefix(prefix)] = message
                finally:
                    with contextlib.suppress(nats.errors.Error):
                        await subscription.unsubscribe()
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise unreachable() from exc
        status = (message.headers or {}).get("Status", "")
        if status == _END_OF_BATCH or (status == _NOTHING and not found):
            return found
        raise Unavailable("NATSRefused", f"reading {self._bucket} ended with status {status or 'unknown'}")


def _lives(seen: _Seen, *, now: float) -> bool:
    return seen.changed_at is not None and now - seen.changed_at < DEAD_SECONDS


def _lease(message: Msg) -> tuple[LeaseRecord | None, int]:
    revision = int((message.headers or {}).get("Nats-Sequence", "0"))
    try:
        return (LeaseRecord.decode(message.data) if message.data else None), revision
    except Invalid:
        return None, revision  # of another version


def _claim(message: Msg) -> ClaimRecord | None:
    try:
        return ClaimRecord.decode(message.data) if message.data else None
    except Invalid:
        return None
