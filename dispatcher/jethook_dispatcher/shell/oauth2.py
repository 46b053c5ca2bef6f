"""Access tokens of receivers that want OAuth 2.0 client credentials: fetched, shared, renewed early.

One fetch for each client at a time, however many lanes wait; a token endpoint that fails is left alone for growing
pauses, in which attempts fail at once. Tokens live in this process's memory only.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from pydantic import SecretStr

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.secrets import TlsMaterial
from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.oauth2 import (
    REJECT_PAUSE_SECONDS,
    AccessToken,
    TokenRefusal,
    pause_seconds,
    token_of_answer,
    token_request,
)
from jethook_dispatcher.shell.guarded_httpx import GuardedHttp
from jethook_dispatcher.shell.tls import TlsContexts

FETCH_TIMEOUT_SECONDS = 10.0
MAX_CLIENTS = 4096

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Client:
    """What is known of one client at its token endpoint."""

    credentials: ClientCredentials
    tls: TlsMaterial
    token: AccessToken | None = None
    fetch: asyncio.Task[None] | None = None
    failures: int = 0
    failure: str = ""
    not_before: float = 0.0
    rejected_at: float = field(default=float("-inf"))


class Tokens:
    """Give tokens; remembers the `max_clients` used last. `clock` gives monotonic seconds."""

    def __init__(
        self,
        http: GuardedHttp,
        *,
        contexts: TlsContexts,
        clock: Callable[[], float] = time.monotonic,
        max_clients: int = MAX_CLIENTS,
        timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        self._http = http
        self._contexts = contexts
        self._clock = clock
        self._max_clients = max_clients
        self._timeout_seconds = timeout_seconds
        self._clients: OrderedDict[tuple[ClientCredentials, SecretStr | None], _Client] = OrderedDict()
        self._fetches: set[asyncio.Task[None]] = set()

    async def get(self, credentials: ClientCredentials, *, tls: TlsMaterial | None = None) -> SecretStr:
        """Give a token that is valid now; raises Unavailable `TokenRequestFailed`, whose message holds no secret.

        `tls`: the endpoint's, whose CA counts for the token endpoint too. Waits for a fetch only when there is no
        valid token; a token that ends soon is renewed meanwhile.
        """
        client = self._client(credentials, tls=tls)
        token = self._valid(client)
        if token is not None and self._clock() < token.refresh_at:
            return token.value
        if client.fetch is None and self._clock() >= client.not_before:
            self._start_fetch(client)
        if token is not None:
            return token.value
        if client.fetch is not None:
            # The fetch outlives an attempt that is cancelled or out of time: others wait for it too.
            await asyncio.wait((client.fetch,))
        token = self._valid(client)
        if token is None:
            raise Unavailable("TokenRequestFailed", client.failure or "the token ended while it was fetched")
        return token.value

    def reject(self, credentials: ClientCredentials, *, token: SecretStr, tls: TlsMaterial | None = None) -> None:
        """Drop a token that the receiver answered with 401, so that the next attempt gets a new one.

        Once a minute at most: a receiver that refuses every token must not make us storm the token endpoint.
        """
        client = self._client(credentials, tls=tls)
        now = self._clock()
        if client.token is None or client.token.value != token or now < client.rejected_at + REJECT_PAUSE_SECONDS:
            return
        client.rejected_at = now
        client.token = None

    async def close(self) -> None:
        """End the fetches under way."""
        fetches = tuple(self._fetches)
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)

    def _client(self, credentials: ClientCredentials, *, tls: TlsMaterial | None) -> _Client:
        # Under another CA it is another place that answers: nothing is shared with it.
        key = (credentials, tls.ca if tls else None)
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = _Client(credentials=credentials, tls=TlsMaterial(ca=key[1]))
            if len(self._clients) > self._max_clients:
                self._clients.popitem(last=False)
        self._clients.move_to_end(key)
        return client

    def _valid(self, client: _Client) -> AccessToken | None:
        return client.token if client.token is not None and self._clock() < client.token.expires_at else None

    def _start_fetch(self, client: _Client) -> None:
        fetch = asyncio.create_task(self._fetch(client), name="fetch access token")
        client.fetch = fetch
        self._fetches.add(fetch)
        fetch.add_done_callback(self._fetches.discard)

    async def _fetch(self, client: _Client) -> None:
        try:
            found = await self._ask(client)
        except Exception as exc:  # noqa: BLE001 -- a task's top
            _log.exception("token_fetch_failed_unforeseen")
            found = TokenRefusal(message=f"internal error: {type(exc).__name__}")
        finally:
            client.fetch = None
        if isinstance(found, AccessToken):
            client.token, client.failures, client.failure, client.not_before = found, 0, "", 0.0
            return
        client.failures += 1
        pause = pause_seconds(client.failures, retry_after_seconds=found.retry_after_seconds)
        client.not_before = self._clock() + pause
        client.failure = f"{found.message}; asked again after {pause:g} s"
        _log.warning("token_request_failed", message=found.message, failures=client.failures, pause_seconds=pause)

    async def _ask(self, client: _Client) -> AccessToken | TokenRefusal:
        request = token_request(client.credentials)
        asked_at = self._clock()
        try:
            answer = await self._http.request(
                "POST",
                client.credentials.token_url,
                context=await self._contexts.of_token_endpoint(client.tls),
                timeout_seconds=self._timeout_seconds,
                headers=request.headers,
                body=request.body,
            )
        except (Unavailable, Invalid) as exc:
            return TokenRefusal(message=f"the token endpoint cannot be asked: {exc.reason}: {exc.message}")
        return token_of_answer(
            answer.status_code,
            body=answer.body,
            asked_at=asked_at,
            retry_after=answer.headers.get("retry-after"),
        )
