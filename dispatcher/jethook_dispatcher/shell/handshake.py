"""Make the CloudEvents handshake with a receiver: one OPTIONS request, one result; whoever calls decides when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.secrets import TlsMaterial
from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.handshake import ORIGIN, HandshakeResult, handshake_headers, pending, result_of_answer
from jethook_dispatcher.core.request import AskingRequest
from jethook_dispatcher.shell.guarded_httpx import GuardedHttp
from jethook_dispatcher.shell.oauth2 import Tokens
from jethook_dispatcher.shell.tls import TlsContexts

HANDSHAKE_TIMEOUT_SECONDS = 15.0


class Handshakes:
    """Ask receivers; `origin` is how this installation names itself to all of them."""

    def __init__(
        self,
        http: GuardedHttp,
        *,
        tokens: Tokens,
        contexts: TlsContexts,
        origin: str = ORIGIN,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._contexts = contexts
        self._origin = origin
        self._now = now

    async def ask(self, request: AskingRequest, *, requests_per_second: int | None) -> HandshakeResult:
        """Ask once, as deliveries of the endpoint would go."""
        return await self.make(
            request.url,
            headers=request.headers,
            client_credentials=request.client_credentials,
            tls=request.tls,
            requests_per_second=requests_per_second,
        )

    async def make(
        self,
        url: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        client_credentials: ClientCredentials | None = None,
        tls: TlsMaterial | None = None,
        requests_per_second: int | None = None,
        timeout_seconds: float = HANDSHAKE_TIMEOUT_SECONDS,
    ) -> HandshakeResult:
        """Ask once for leave to send `requests_per_second` (None: no rate is asked for); never raises for a refusal.

        `headers`: what deliveries carry beside their own, authorisation included; `client_credentials` adds a token.
        A receiver that is not reached leaves it Pending: call again after `core.handshake.pause_seconds`.
        """
        try:
            authorization = await self._authorization(client_credentials, tls=tls)
            answer = await self._http.request(
                "OPTIONS",
                url,
                context=await self._contexts.of_receiver(tls),
                timeout_seconds=timeout_seconds,
                headers=(
                    *headers,
                    *authorization,
                    *handshake_headers(origin=self._origin, requests_per_second=requests_per_second),
                ),
            )
        except (Unavailable, Invalid) as exc:
            return pending(f"{exc.reason}: {exc.message}", at=self._now())
        return result_of_answer(answer.status_code, headers=answer.headers, origin=self._origin, at=self._now())

    async def _authorization(
        self, client_credentials: ClientCredentials | None, *, tls: TlsMaterial | None
    ) -> tuple[tuple[str, str], ...]:
        if client_credentials is None:
            return ()
        token = await self._tokens.get(client_credentials, tls=tls)
        return (("authorization", f"Bearer {token.get_secret_value()}"),)
