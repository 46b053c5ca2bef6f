"""The bucket of leases and claims of one pool: read all at once, write by compare-and-set.

One read is one request, a batched direct get of the last message of each key (nats-server 2.11); nothing here watches.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NATSError
from nats.js.api import Header, StorageType
from nats.js.errors import APIError

from jethook_contract.errors import Unavailable
from jethook_contract.members import SHARD_COUNT, ClaimRecord, LeaseRecord
from jethook_contract.names import claim_key, lease_key, members_bucket
from jethook_dispatcher.core.ownership_state import Claim, Lease

MAX_LEASES = 512
DEAD_LEASE_SECONDS = 3600
WRONG_REVISION_CODES = (10071, 10164)
END_OF_BATCH = "204"
NO_KEYS = "404"


class MembersBucket:
    """Read and write the leases and claims of one pool.

    `timeout_seconds` bounds each request. All methods raise Unavailable when NATS does not answer as it should.
    """

    def __init__(self, client: Client, *, pool: str, replicas: int, timeout_seconds: float) -> None:
        self._client = client
        self._bucket = members_bucket(pool)
        self._prefix = f"$KV.{self._bucket}."
        self._replicas = replicas
        self._timeout_seconds = timeout_seconds
        self._jetstream = client.jetstream(timeout=timeout_seconds)
        self._exists = False

    async def read(self, *, claims: bool) -> tuple[tuple[Lease, ...], tuple[tuple[int, Claim], ...] | None]:
        """Read all leases, and all claims by shard number if `claims` (else None).

        The server may leave out a key that is written meanwhile, and a replica may lag; see `core/ownership_peers.py`.
        Raises Invalid when a record is of a version that this process does not know.
        """
        if not self._exists:
            await self._create()
        self._exists = False  # until this read has shown it: after a failure the bucket is made, if it is gone
        keys = [lease_key("*"), claim_key_pattern()] if claims else [lease_key("*")]
        messages = await self._last_messages(keys)
        self._exists = True
        leases = tuple(_lease(message, key=key) for key, message in messages.items() if key.startswith("lease."))
        if not claims:
            return leases, None
        numbered = ((_shard(key), message) for key, message in messages.items())
        return leases, tuple((shard, _claim(message)) for shard, message in numbered if shard is not None)

    async def write_lease(self, record: LeaseRecord, *, expected: int) -> int | None:
        """Write a lease where its key has revision `expected` (0: unset); give the new one, None if it was another.

        A lease that is not live vanishes after an hour, so that the names of past members do not pile up.
        """
        lifetime_seconds = None if record.state == "Live" else DEAD_LEASE_SECONDS
        key = lease_key(record.member)
        return await self._write(key, data=record.encode(), expected=expected, lifetime_seconds=lifetime_seconds)

    async def write_claim(self, shard: int, *, record: ClaimRecord, expected: int) -> int | None:
        """Write a claim where its key has revision `expected` (0: unset); give the new one, None if it was another."""
        return await self._write(claim_key(shard), data=record.encode(), expected=expected, lifetime_seconds=None)

    async def _write(self, key: str, *, data: bytes, expected: int, lifetime_seconds: int | None) -> int | None:
        headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(expected)}
        if lifetime_seconds is not None:
            headers[Header.MSG_TTL.value] = f"{lifetime_seconds}s"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                stored = await self._jetstream.publish(self._prefix + key, data, headers=headers)
        except APIError as exc:
            if exc.err_code in WRONG_REVISION_CODES:
                return None
            raise _unavailable(exc, doing=f"write {key} in {self._bucket}") from exc
        except (NATSError, OSError) as exc:
            raise _unavailable(exc, doing=f"write {key} in {self._bucket}") from exc
        return stored.seq

    async def _create(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._jetstream.create_key_value(
                    bucket=self._bucket,
                    description="leases and claims of a Jethook dispatcher pool",
                    history=1,
                    direct=True,
                    replicas=self._replicas,
                    storage=StorageType.FILE,
                )
        except APIError:  # it exists with other settings, or cannot be made: the read tells
            pass
        except (NATSError, OSError) as exc:
            raise _unavailable(exc, doing=f"create {self._bucket}") from exc

    async def _last_messages(self, keys: list[str]) -> dict[str, Msg]:
        """Get the last message of each key, by key."""
        inbox = self._client.new_inbox()
        messages: dict[str, Msg] = {}
        status: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def collect(message: Msg) -> None:
            headers: Mapping[str, str] = message.headers or {}
            if "Nats-Subject" in headers:
                messages[headers["Nats-Subject"].removeprefix(self._prefix)] = message
            elif not status.done():
                status.set_result(headers.get("Status", ""))

        request = {"multi_last": [self._prefix + key for key in keys], "batch": SHARD_COUNT + MAX_LEASES}
        try:
            async with asyncio.timeout(self._timeout_seconds):
                subscription = await self._client.subscribe(inbox, cb=collect)
                try:
                    subject = f"$JS.API.DIRECT.GET.KV_{self._bucket}"
                    await self._client.publish(subject, json.dumps(request).encode(), reply=inbox)
                    code = await status
                finally:
                    with suppress(NATSError):
                        await subscription.unsubscribe()
        except (NATSError, OSError) as exc:
            raise _unavailable(exc, doing=f"read {self._bucket}") from exc
        if code == END_OF_BATCH or (code == NO_KEYS and not messages):
            return messages
        raise Unavailable("MembersUnreadable", f"reading {self._bucket} ended with status {code or 'unknown'}")


def claim_key_pattern() -> str:
    """Name all claim keys, as a subject pattern."""
    return "claim.*"


def _lease(message: Msg, *, key: str) -> Lease:
    headers = message.headers or {}
    revision = int(headers["Nats-Sequence"])
    if not message.data:  # a delete marker
        return Lease(LeaseRecord(member=key.removeprefix("lease."), nonce="", state="Left"), revision)
    return Lease(LeaseRecord.decode(message.data), revision)


def _claim(message: Msg) -> Claim:
    headers = message.headers or {}
    revision = int(headers["Nats-Sequence"])
    if not message.data:  # a delete marker
        return Claim(ClaimRecord(member="", nonce="", released=True), revision)
    return Claim(ClaimRecord.decode(message.data), revision)


def _shard(key: str) -> int | None:
    """Read the shard number of a claim key; None for any other key."""
    kind, _, number = key.partition(".")
    if kind != "claim" or not number.isdecimal() or int(number) >= SHARD_COUNT:
        return None
    return int(number)


def _unavailable(exc: Exception, *, doing: str) -> Unavailable:
    return Unavailable("MembersUnavailable", f"cannot {doing}: {str(exc) or type(exc).__name__}")
