"""Deliveries with a token: added as Authorization, within the attempt's time, dropped on a 401."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jethook_contract.secrets import TlsMaterial
from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from tests.dispatcher.delivery.certificates import Authority, material
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Receive
from tests.dispatcher.delivery.test_oauth2 import client, issuing
from tests.fixtures.behaviours import answers, failing, hanging, slow
from tests.fixtures.receivers import Receiver

Receivers = Callable[..., Receiver]


@pytest.fixture
async def deliverer() -> AsyncIterator[Deliverer]:
    made = Deliverer.open(lambda: LOOPBACK_OPEN)
    yield made
    await made.close()


def request(
    url: str, *, credentials: ClientCredentials, timeout_seconds: float = 5.0, tls: TlsMaterial | None = None
) -> OutgoingRequest:
    return OutgoingRequest(
        url=url,
        headers=(("x-own", "1"),),
        body=b"{}",
        timeout_seconds=timeout_seconds,
        client_credentials=credentials,
        tls=tls,
    )


async def attempt(deliverer: Deliverer, given: OutgoingRequest) -> Outcome:
    outcome = await deliverer.deliver(given, before_write=lambda: True)
    assert isinstance(outcome, Outcome)
    return outcome


async def test_token_is_sent_beside_the_other_headers(receivers: Receivers, deliverer: Deliverer) -> None:
    receiver, endpoint = receivers(), receivers(issuing())
    for _ in range(3):
        assert (await attempt(deliverer, request(receiver.url, credentials=client(endpoint)))).delivered
    assert [one.headers["authorization"] for one in receiver.requests] == ["Bearer token-1"] * 3
    assert {one.headers["x-own"] for one in receiver.requests} == {"1"}
    assert len(endpoint.requests) == 1


async def test_401_brings_a_new_token_with_the_next_attempt(receivers: Receivers, deliverer: Deliverer) -> None:
    receiver, endpoint = receivers(failing([401])), receivers(issuing())
    given = request(receiver.url, credentials=client(endpoint))
    assert (await attempt(deliverer, given)).status_code == 401
    assert (await attempt(deliverer, given)).delivered
    assert [one.headers["authorization"] for one in receiver.requests] == ["Bearer token-1", "Bearer token-2"]


async def test_receiver_that_refuses_every_token_does_not_storm_the_endpoint(
    receivers: Receivers, deliverer: Deliverer
) -> None:
    receiver, endpoint = receivers(answers(401)), receivers(issuing())
    for _ in range(20):
        await attempt(deliverer, request(receiver.url, credentials=client(endpoint)))
    assert (len(receiver.requests), len(endpoint.requests)) == (20, 2)


async def test_no_token_is_a_failed_attempt_that_sends_nothing(receivers: Receivers, deliverer: Deliverer) -> None:
    receiver, endpoint = receivers(), receivers(answers(400, body=b'{"error": "invalid_scope"}'))
    outcome = await attempt(deliverer, request(receiver.url, credentials=client(endpoint)))
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "TokenRequestFailed", 0)
    assert "invalid_scope" in outcome.message
    assert "hunter2" not in repr(outcome)
    assert receiver.requests == []


async def test_waiting_for_the_token_ends_with_the_attempt(receivers: Receivers, deliverer: Deliverer) -> None:
    receiver, endpoint = receivers(), receivers(hanging())
    started = time.monotonic()
    outcome = await attempt(deliverer, request(receiver.url, credentials=client(endpoint), timeout_seconds=0.5))
    assert outcome.reason == "Timeout"
    assert 0.45 < time.monotonic() - started < 2
    assert receiver.requests == []


async def test_token_and_answer_share_the_time_of_the_attempt(receivers: Receivers, deliverer: Deliverer) -> None:
    receiver, endpoint = receivers(hanging()), receivers(slow(0.6, then=issuing()))
    started = time.monotonic()
    outcome = await attempt(deliverer, request(receiver.url, credentials=client(endpoint), timeout_seconds=1.0))
    assert outcome.reason == "Timeout"
    assert 0.95 < time.monotonic() - started < 1.5


async def test_leave_is_asked_after_the_token_is_there(receivers: Receivers, deliverer: Deliverer) -> None:
    receiver, endpoint = receivers(), receivers(issuing())
    asked: list[int] = []

    def may_start() -> bool:
        asked.append(len(endpoint.requests))
        return False

    given = request(receiver.url, credentials=client(endpoint))
    assert isinstance(await deliverer.deliver(given, before_write=may_start), NotStarted)
    assert asked == [1]
    assert receiver.requests == []


async def test_the_endpoints_authority_counts_for_its_token_endpoint(
    receivers: Receivers, receive: Receive, deliverer: Deliverer, tmp_path: Path
) -> None:
    receiver, authority = receivers(), Authority()
    token = b'{"access_token": "t", "token_type": "Bearer"}'

    async def issue(writer: object) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(token), token))  # type: ignore[attr-defined]

    async with receive(issue, tls=authority.server(tmp_path)) as endpoint:
        credentials = ClientCredentials(
            token_url=f"https://127.0.0.1:{endpoint.port}/token",
            client_id=client(receiver).client_id,
            client_secret=client(receiver).client_secret,
        )
        foreign = await attempt(deliverer, request(receiver.url, credentials=credentials))
        assert (foreign.reason, "TLSFailed" in foreign.message) == ("TokenRequestFailed", True)
        assert endpoint.heads == []
        own = request(receiver.url, credentials=credentials, tls=material(ca=authority))
        assert (await attempt(deliverer, own)).delivered
