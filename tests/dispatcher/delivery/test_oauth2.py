"""Access tokens from a real token endpoint: shared, renewed early, dropped when refused; failures without storms."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from pydantic import SecretStr

from jethook_contract.errors import Unavailable
from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.egress import EgressPolicy
from jethook_dispatcher.shell.guarded_httpx import GuardedHttp
from jethook_dispatcher.shell.oauth2 import Tokens
from jethook_dispatcher.shell.resolver import CachingResolver
from jethook_dispatcher.shell.tls import TlsContexts
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN
from tests.fixtures.behaviours import Behaviour, Received, answers, flooding, hanging, slow
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

Receivers = Callable[..., Receiver]


def issuing(*, expires_in: int = 3600) -> Behaviour:
    """Issue token-1, token-2 and so on."""
    numbers = itertools.count(1)

    async def behave(request: web.Request, received: Received) -> web.StreamResponse:
        document = {"access_token": f"token-{next(numbers)}", "token_type": "Bearer", "expires_in": expires_in}
        return web.json_response(document)

    return behave


def client(endpoint: Receiver, *, secret: str = "hunter2") -> ClientCredentials:  # noqa: S107 -- no secret
    return ClientCredentials(token_url=endpoint.url, client_id=SecretStr("shop"), client_secret=SecretStr(secret))


@dataclass(slots=True)
class World:
    """Tokens with a clock and rules that the test sets."""

    now: float = 1000.0
    policy: EgressPolicy = LOOPBACK_OPEN
    tokens: Tokens = field(init=False)

    async def get(self, credentials: ClientCredentials) -> str:
        return (await self.tokens.get(credentials)).get_secret_value()

    async def failure(self, credentials: ClientCredentials) -> str:
        with pytest.raises(Unavailable) as caught:
            await self.tokens.get(credentials)
        assert caught.value.reason == "TokenRequestFailed"
        assert "hunter2" not in str(caught.value)
        return caught.value.message


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    resolver = CachingResolver()
    http = GuardedHttp(lambda: made.policy, resolver=resolver)
    made.tokens = Tokens(http, contexts=TlsContexts(), clock=lambda: made.now, max_clients=2, timeout_seconds=1.0)
    yield made
    await made.tokens.close()
    await resolver.close()


async def test_one_request_serves_all_who_wait_and_all_who_come_later(receivers: Receivers, world: World) -> None:
    endpoint = receivers(slow(0.2, then=issuing()))
    given = await asyncio.gather(*(world.get(client(endpoint)) for _ in range(100)))
    assert set(given) == {"token-1"} == {await world.get(client(endpoint))}
    (request,) = endpoint.requests
    assert (request.method, request.body) == ("POST", b"grant_type=client_credentials")
    assert request.headers["authorization"].startswith("Basic ")


async def test_token_is_renewed_early_while_the_old_one_serves(receivers: Receivers, world: World) -> None:
    endpoint = receivers(issuing(expires_in=3600))
    assert await world.get(client(endpoint)) == "token-1"
    world.now += 3239
    assert await world.get(client(endpoint)) == "token-1"
    assert len(endpoint.requests) == 1
    world.now += 2  # six minutes before the end
    assert await asyncio.gather(*(world.get(client(endpoint)) for _ in range(20))) == ["token-1"] * 20
    await endpoint.wait_for_requests(2)

    async def renewed() -> bool:
        return await world.get(client(endpoint)) == "token-2"

    await eventually(renewed)
    assert len(endpoint.requests) == 2


async def test_old_token_serves_to_its_end_when_renewing_fails(receivers: Receivers, world: World) -> None:
    endpoint = receivers(issuing(expires_in=100))
    assert await world.get(client(endpoint)) == "token-1"
    endpoint.behaviour = answers(503)
    world.now += 80
    assert await world.get(client(endpoint)) == "token-1"
    await endpoint.wait_for_requests(2)
    world.now += 19
    assert await world.get(client(endpoint)) == "token-1"
    world.now += 1
    assert "503" in await world.failure(client(endpoint))


async def test_failing_endpoint_is_left_alone_for_growing_pauses(receivers: Receivers, world: World) -> None:
    endpoint = receivers(answers(401, body=b'{"error": "invalid_client", "error_description": "hunter2"}'))
    asked = []
    for _ in range(16):
        messages = {await world.failure(client(endpoint)) for _ in range(20)}
        asked.append(len(endpoint.requests))
        assert all("401 (invalid_client)" in message for message in messages)
        world.now += 1
    # Asked at 0, 1, 3, 7 and 15 s.
    assert asked == [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5]


async def test_endpoint_that_recovers_serves_at_once_after_the_pause(receivers: Receivers, world: World) -> None:
    endpoint = receivers(answers(503, headers={"Retry-After": "30"}))
    await world.failure(client(endpoint))
    endpoint.behaviour = issuing()
    world.now += 29
    await world.failure(client(endpoint))
    world.now += 1
    assert await world.get(client(endpoint)) == "token-1"


async def test_refused_token_is_dropped_once_a_minute(receivers: Receivers, world: World) -> None:
    endpoint = receivers(issuing())
    credentials = client(endpoint)
    for _ in range(10):
        token = await world.tokens.get(credentials)
        world.tokens.reject(credentials, token=token)
    assert len(endpoint.requests) == 2
    world.now += 60
    world.tokens.reject(credentials, token=SecretStr("token-1"))  # answers that come late drop nothing
    assert await world.get(credentials) == "token-2"
    world.tokens.reject(credentials, token=SecretStr("token-2"))
    assert await world.get(credentials) == "token-3"


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hanging(), "Timeout"),
        (answers(302, headers={"Location": "http://127.0.0.1/elsewhere"}), "302"),
        (answers(200, body=b"<html>"), "no usable access_token"),
        (flooding(1024 * 1024), "BadAnswer"),
    ],
    ids=["hangs", "redirects", "no JSON", "floods"],
)
async def test_endpoint_at_fault_fails_the_attempt(
    behaviour: Behaviour, said: str, receivers: Receivers, world: World
) -> None:
    assert said in await world.failure(client(receivers(behaviour)))


async def test_closed_pool_is_not_opened_by_a_token_url(receivers: Receivers, world: World) -> None:
    endpoint = receivers(issuing())
    world.policy = EgressPolicy()
    assert "AddressDenied" in await world.failure(client(endpoint))
    assert endpoint.requests == []


async def test_cancelled_caller_takes_the_token_from_nobody(receivers: Receivers, world: World) -> None:
    endpoint = receivers(slow(0.3, then=issuing()))
    first, second = (asyncio.create_task(world.get(client(endpoint))) for _ in range(2))
    await endpoint.wait_for_open_requests(1)
    first.cancel()
    assert await second == "token-1"
    assert first.cancelled()
    assert len(endpoint.requests) == 1


async def test_tokens_kept_are_bounded(receivers: Receivers, world: World) -> None:
    endpoint = receivers(issuing())
    for secret in ("a", "b", "c", "c", "a"):
        await world.get(client(endpoint, secret=secret))
    assert len(endpoint.requests) == 4


async def test_close_fails_those_who_wait(receivers: Receivers, world: World) -> None:
    endpoint = receivers(hanging())
    waiting = asyncio.create_task(world.get(client(endpoint)))
    await endpoint.wait_for_open_requests(1)
    await world.tokens.close()
    with pytest.raises(Unavailable):
        await waiting
