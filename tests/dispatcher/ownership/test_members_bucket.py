"""The bucket of leases and claims, over a real nats-server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.members import SHARD_COUNT, ClaimRecord, LeaseRecord
from jethook_contract.names import lease_key, members_bucket
from jethook_dispatcher.core.ownership_state import Claim, Lease
from jethook_dispatcher.shell.members_bucket import MembersBucket
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component

LIVE = LeaseRecord(member="one", nonce="n1")


@pytest_asyncio.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    async with await nats.connect(nats_server.url) as connection:
        yield connection


@pytest.fixture
def bucket(client: Client) -> MembersBucket:
    return MembersBucket(client, pool="default", replicas=1, timeout_seconds=1.5)


async def test_the_first_read_makes_the_bucket_and_finds_nothing(bucket: MembersBucket) -> None:
    assert await bucket.read(claims=True) == ((), ())


async def test_all_leases_and_claims_come_in_one_read(bucket: MembersBucket) -> None:
    await bucket.read(claims=False)
    revision = await bucket.write_lease(LIVE, expected=0)
    for shard in range(SHARD_COUNT):
        await bucket.write_claim(shard, record=ClaimRecord(member="one", nonce="n1"), expected=0)
    leases, claims = await bucket.read(claims=True)
    assert leases == (Lease(LIVE, revision or 0),)
    assert claims is not None
    assert dict(claims)[255] == Claim(ClaimRecord(member="one", nonce="n1"), SHARD_COUNT + 1)
    assert len(claims) == SHARD_COUNT
    assert (await bucket.read(claims=False))[1] is None


async def test_a_write_on_another_revision_is_refused(bucket: MembersBucket) -> None:
    await bucket.read(claims=False)
    first = await bucket.write_lease(LIVE, expected=0)
    assert await bucket.write_lease(LIVE, expected=0) is None
    assert await bucket.write_lease(LIVE, expected=first or 0) == 2
    assert await bucket.write_lease(LIVE, expected=first or 0) is None


async def test_only_a_dead_lease_has_an_end(bucket: MembersBucket, client: Client) -> None:
    await bucket.read(claims=False)
    await bucket.write_lease(LIVE, expected=0)
    stream = f"KV_{members_bucket('default')}"
    assert (await client.jetstream().get_msg(stream, 1)).headers == {"Nats-Expected-Last-Subject-Sequence": "0"}
    await bucket.write_lease(LIVE.model_copy(update={"state": "Fenced"}), expected=1)
    assert ((await client.jetstream().get_msg(stream, 2)).headers or {})["Nats-TTL"] == "3600s"


async def test_a_deleted_lease_reads_as_left(bucket: MembersBucket, client: Client) -> None:
    await bucket.read(claims=False)
    await bucket.write_lease(LIVE, expected=0)
    kv = await client.jetstream().key_value(members_bucket("default"))
    await kv.delete(lease_key("one"))
    leases, _ = await bucket.read(claims=True)
    assert leases == (Lease(LeaseRecord(member="one", nonce="", state="Left"), 2),)


async def test_a_record_of_an_unknown_version_spoils_the_read(bucket: MembersBucket, client: Client) -> None:
    await bucket.read(claims=False)
    kv = await client.jetstream().key_value(members_bucket("default"))
    await kv.put(lease_key("new"), b'{"version":2,"member":"new"}')
    with pytest.raises(Invalid, match="LeaseRecord cannot be read"):
        await bucket.read(claims=False)


async def test_a_bucket_that_was_removed_is_made_again(bucket: MembersBucket, client: Client) -> None:
    await bucket.read(claims=False)
    await client.jetstream().delete_key_value(members_bucket("default"))
    with pytest.raises(Unavailable, match="jethook-members-default"):
        await bucket.read(claims=False)
    assert await bucket.read(claims=False) == ((), None)


async def test_a_server_that_does_not_answer_is_unavailable(client: Client, nats_server: NatsServer) -> None:
    bucket = MembersBucket(client, pool="default", replicas=1, timeout_seconds=0.2)
    await bucket.read(claims=False)
    nats_server.pause()
    try:
        with pytest.raises(Unavailable, match="cannot read jethook-members-default"):
            await bucket.read(claims=False)
        with pytest.raises(Unavailable, match=r"cannot write lease\.one"):
            await bucket.write_lease(LIVE, expected=0)
    finally:
        nats_server.resume()
