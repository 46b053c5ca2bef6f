"""Leases have a connection of their own, and go only while that of the work is there too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.errors import Unavailable
from jethook_contract.members import SHARD_COUNT
from jethook_dispatcher.core.ownership_state import LossReason, Timings
from jethook_dispatcher.shell.membership import Membership, MembershipSettings
from jethook_dispatcher.shell.membership_connection import Link, open_member_link
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

QUICK = Timings(renew_seconds=0.2, valid_seconds=2.0, dead_seconds=3.0, settle_seconds=0.1, read_seconds=0.1)


@dataclass(frozen=True)
class Made:
    """A member, and the server of each of its two connections, so that either can be cut."""

    membership: Membership
    own: Link
    work: Link
    work_server: NatsServer

    def owns_all(self) -> bool:
        return len(self.membership.owned) == SHARD_COUNT


@pytest.fixture
async def made(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Made]:
    other = NatsServer(tmp_path / "other")
    other.start()
    hooks = ConnectionHooks()
    work = Link(await connect(ConnectionSettings(servers=(other.url,)), hooks=hooks), hooks)
    own = await open_member_link(
        ConnectionSettings(servers=(nats_server.url,)), closed=_nothing, stop=asyncio.Event(), waiting=_unexpected
    )
    assert own is not None
    membership = Membership(
        [own, work],
        settings=MembershipSettings(member="one", pool="default", timings=QUICK),
        on_gain=lambda _: None,
        on_lose=_lose,
        utilization=lambda: 7,
    )
    running = asyncio.create_task(membership.run())
    yield Made(membership, own, work, other)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for client in (own.client, work.client):
        await disconnect(client)
    other.close()


async def test_leases_do_not_go_over_the_connection_of_the_work(made: Made) -> None:
    await eventually(made.owns_all)
    assert made.work.client.stats["out_msgs"] == 0


async def test_a_member_that_is_cut_off_from_its_work_gives_way_and_comes_back(made: Made) -> None:
    await eventually(made.owns_all)
    nonce = made.membership.token
    made.work_server.kill()
    await eventually(lambda: not made.membership.owned, seconds=10)
    await asyncio.to_thread(made.work_server.start)
    await eventually(made.owns_all, seconds=15)
    assert made.membership.token != nonce


async def test_one_connection_that_is_back_before_the_other_is_not_enough(made: Made, nats_server: NatsServer) -> None:
    await eventually(made.owns_all)
    for server in (nats_server, made.work_server):
        server.kill()
    await eventually(lambda: not made.membership.owned, seconds=10)
    await asyncio.to_thread(nats_server.start)
    await eventually(lambda: made.own.client.is_connected, seconds=10)
    await asyncio.sleep(10 * QUICK.renew_seconds)  # what must happen meanwhile is nothing
    assert not made.membership.valid
    await asyncio.to_thread(made.work_server.start)
    await eventually(made.owns_all, seconds=15)


async def _nothing() -> None:
    pass


async def _lose(shard: int, reason: LossReason) -> None:
    assert shard >= 0
    assert reason is LossReason.LAPSED


def _unexpected(exc: Unavailable) -> None:
    raise AssertionError(exc)
