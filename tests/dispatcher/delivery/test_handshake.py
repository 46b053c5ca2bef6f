"""The CloudEvents handshake with real receivers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from jethook_contract.secrets import TlsMaterial
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.handshake import Handshakes
from tests.dispatcher.delivery.certificates import Authority, material
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Receive
from tests.dispatcher.delivery.test_oauth2 import client, issuing
from tests.fixtures.behaviours import Behaviour, answers, flooding, hanging, hanging_up
from tests.fixtures.receivers import Receiver

Receivers = Callable[..., Receiver]

CONSENT = {"WebHook-Allowed-Origin": "shop.example.com", "WebHook-Allowed-Rate": "120", "Allow": "POST"}


@pytest.fixture
async def handshakes() -> AsyncIterator[Handshakes]:
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN, origin="shop.example.com")
    yield deliverer.handshakes
    await deliverer.close()


async def test_asks_at_the_exact_url_and_takes_the_rate(receivers: Receivers, handshakes: Handshakes) -> None:
    receiver = receivers(answers(headers=CONSENT))
    result = await handshakes.make(
        receiver.url + "?tenant=a%2Fb",
        headers=(("authorization", "Bearer t"), ("x-team", "shop")),
        requests_per_second=5,
    )
    assert (result.state, result.requests_per_minute) == ("Allowed", 120)
    assert result.at.tzinfo is not None
    (got,) = receiver.requests
    assert (got.method, got.path, got.body) == ("OPTIONS", "/hook?tenant=a%2Fb", b"")
    expected = {"webhook-request-origin": "shop.example.com", "webhook-request-rate": "300", "x-team": "shop"}
    assert expected.items() <= got.headers.items()
    assert got.headers["authorization"] == "Bearer t"
    assert got.headers["user-agent"].startswith("jethook/")
    assert "webhook-request-callback" not in got.headers


async def test_without_a_limit_no_rate_is_asked_for(receivers: Receivers, handshakes: Handshakes) -> None:
    receiver = receivers(answers(headers={"webhook-allowed-origin": "*", "webhook-allowed-rate": "*"}))
    result = await handshakes.make(receiver.url)
    assert (result.state, result.requests_per_minute) == ("Allowed", None)
    assert "webhook-request-rate" not in receiver.requests[0].headers


async def test_token_is_fetched_for_the_handshake_too(receivers: Receivers, handshakes: Handshakes) -> None:
    receiver, endpoint = receivers(answers(headers=CONSENT)), receivers(issuing())
    assert (await handshakes.make(receiver.url, client_credentials=client(endpoint))).state == "Allowed"
    assert receiver.requests[0].headers["authorization"] == "Bearer token-1"


async def test_token_that_cannot_be_had_leaves_it_pending(receivers: Receivers, handshakes: Handshakes) -> None:
    receiver, endpoint = receivers(answers(headers=CONSENT)), receivers(answers(503))
    result = await handshakes.make(receiver.url, client_credentials=client(endpoint))
    assert result.state == "Pending"
    assert result.message.startswith("TokenRequestFailed: ")
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("behaviour", "state", "said"),
    [
        (answers(200), "Refused", "without WebHook-Allowed-Origin"),
        (answers(405), "Refused", "set spec.handshake to None"),
        (answers(503), "Pending", "503"),
        (answers(302, headers={"Location": "/elsewhere"}), "Refused", "302"),
        (hanging(), "Pending", "Timeout"),
        (hanging_up(), "Pending", "BadAnswer"),
        (flooding(1024 * 1024), "Pending", "BadAnswer"),
    ],
    ids=["no consent", "no OPTIONS", "down", "redirects", "hangs", "hangs up", "floods"],
)
async def test_answer_that_is_no_consent(
    behaviour: Behaviour, state: str, said: str, receivers: Receivers, handshakes: Handshakes
) -> None:
    result = await handshakes.make(receivers(behaviour).url, timeout_seconds=1.0)
    assert result.state == state
    assert said in result.message


async def test_receiver_that_is_away_leaves_it_pending(receivers: Receivers, handshakes: Handshakes) -> None:
    gone = receivers()
    gone.stop()
    result = await handshakes.make(gone.url)
    assert (result.state, result.message) == ("Pending", "ConnectFailed: no connection")


async def test_authority_and_client_certificate_are_the_deliveries(
    receive: Receive, handshakes: Handshakes, tmp_path: Path
) -> None:
    authority = Authority()

    async def allow(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 x\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: 60\r\n\r\n")
        await writer.drain()

    async with receive(allow, tls=authority.server(tmp_path, clients=authority)) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/"
        assert (await handshakes.make(url)).message.startswith("TLSFailed")
        assert (await handshakes.make(url, tls=material(ca=authority))).state == "Pending"
        assert receiver.heads == []
        own = material(ca=authority, client=authority.issue("jethook"))
        assert (await handshakes.make(url, tls=own)).state == "Allowed"


async def test_material_that_is_none_leaves_it_pending(receivers: Receivers, handshakes: Handshakes) -> None:
    result = await handshakes.make(receivers().url, tls=TlsMaterial(ca=SecretStr("hunter2")))
    assert result.state == "Pending"
    assert "spec.tls.caRef" in result.message
    assert "hunter2" not in result.message
