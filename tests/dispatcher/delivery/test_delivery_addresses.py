"""The address is judged when the socket is made, however the URL spells it and whatever a name resolves to."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest

from jethook_dispatcher.core.egress import EgressPolicy
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Deliver, Receive
from tests.fixtures.poll import eventually

CLOSED = EgressPolicy()
# Old spellings of 127.0.0.1 and 169.254.169.254 in decimal, octal, hexadecimal: refused before any look-up.
NO_HOST = ("2130706433", "0177.0.0.1", "127.1", "2852039166", "0251.0376.0251.0376")
# Legal names that need not resolve: nobody owns a top-level domain that begins with a digit.
MAYBE_NO_NAME = ("localhost.", "0x7f000001", "0x7f.1", "0xa9fea9fe")


async def _ok(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    "host",
    [
        *NO_HOST,
        *MAYBE_NO_NAME,
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",  # noqa: S104 -- connecting to it reaches loopback
        "[::]",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "10.0.0.1",
        "[fd00:ec2::254]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_closed_pool_reaches_nothing_inside(scheme: str, host: str, receive: Receive, deliver: Deliver) -> None:
    async with receive(_ok) as receiver:
        outcome = await deliver(f"{scheme}://{host}:{receiver.port}/", policy=CLOSED, timeout_seconds=6)
        assert receiver.connections == 0
    expected = {"BadRequest"} if host in NO_HOST else {"AddressDenied"}
    assert outcome.reason in (expected | {"NameNotResolved"} if host in MAYBE_NO_NAME else expected)


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"])
async def test_metadata_stays_denied_in_a_pool_that_opens_everything(host: str, deliver: Deliver) -> None:
    everything = EgressPolicy(allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    assert (await deliver(f"http://{host}/latest/meta-data/", policy=everything)).reason == "AddressDenied"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_opened_address_is_reached_by_address_and_by_name(host: str, receive: Receive, deliver: Deliver) -> None:
    async with receive(_ok) as receiver:
        assert (await deliver(f"http://{host}:{receiver.port}/")).delivered


async def test_rules_that_narrow_end_connections_kept_open(receive: Receive, deliver: Deliver) -> None:
    async with receive(_ok) as receiver:
        assert (await deliver(receiver.url, policy=LOOPBACK_OPEN)).delivered
        assert (await deliver(receiver.url, policy=CLOSED)).reason == "AddressDenied"
        assert (receiver.connections, len(receiver.heads)) == (1, 1)


async def test_rules_that_narrow_while_a_connection_is_made_end_it_unused(receive: Receive) -> None:
    asked: list[EgressPolicy] = []

    def policy() -> EgressPolicy:
        """Open for the judgement before the connection is made, closed ever after."""
        asked.append(CLOSED if asked else LOOPBACK_OPEN)
        return asked[-1]

    deliverer = Deliverer.open(policy)
    try:
        async with receive(_ok) as receiver:
            request = OutgoingRequest(url=receiver.url, headers=(), body=b"{}", timeout_seconds=5)
            outcome = await deliverer.deliver(request, before_write=lambda: True)
            await eventually(lambda: receiver.connections == 1)
            assert receiver.heads == []
    finally:
        await deliverer.close()
    assert isinstance(outcome, Outcome)
    assert outcome.reason == "AddressDenied"


async def test_rules_that_change_elsewhere_keep_connections(receive: Receive, deliver: Deliver) -> None:
    wider = EgressPolicy(allowed=(*LOOPBACK_OPEN.allowed, ip_network("10.0.0.0/8")))
    async with receive(_ok) as receiver:
        assert (await deliver(receiver.url, policy=LOOPBACK_OPEN)).delivered
        assert (await deliver(receiver.url, policy=wider)).delivered
        assert receiver.connections == 1


async def test_environment_proxy_is_ignored(
    monkeypatch: pytest.MonkeyPatch, receive: Receive, deliver: Deliver
) -> None:
    async with receive(_ok) as proxy, receive(_ok) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await deliver(receiver.url)).delivered
        assert (proxy.connections, receiver.connections) == (0, 1)
