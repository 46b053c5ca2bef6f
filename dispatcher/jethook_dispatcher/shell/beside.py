"""What the HTTP side needs beside the deliveries themselves: names, certificates, tokens, handshakes; wired once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from aiohttp.abc import AbstractResolver
from pydantic import SecretStr

from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.guarded_httpx import GuardedHttp
from jethook_dispatcher.shell.handshake import Handshakes
from jethook_dispatcher.shell.http import PolicySource
from jethook_dispatcher.shell.oauth2 import Tokens
from jethook_dispatcher.shell.tls import TlsContexts


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Share one resolver and one set of TLS contexts between deliveries, token endpoints and handshakes."""

    resolver: AbstractResolver
    contexts: TlsContexts
    tokens: Tokens
    handshakes: Handshakes

    @classmethod
    def open(cls, policy: PolicySource, *, resolver: AbstractResolver, origin: str) -> Self:
        """Wire them inside a running loop."""
        contexts = TlsContexts()
        http = GuardedHttp(policy, resolver=resolver)
        tokens = Tokens(http, contexts=contexts)
        handshakes = Handshakes(http, tokens=tokens, contexts=contexts, origin=origin)
        return cls(resolver=resolver, contexts=contexts, tokens=tokens, handshakes=handshakes)

    async def token(self, request: OutgoingRequest) -> SecretStr | None:
        """Give the token that the request needs, None when it needs none.

        Raises Unavailable `TokenRequestFailed`, and TimeoutError when there is none within the attempt's time.
        """
        if request.client_credentials is None:
            return None
        async with asyncio.timeout(request.timeout_seconds):
            return await self.tokens.get(request.client_credentials, tls=request.tls)

    def reject(self, request: OutgoingRequest, *, token: SecretStr) -> None:
        """Say that the receiver refused the token."""
        if request.client_credentials is not None:
            self.tokens.reject(request.client_credentials, token=token, tls=request.tls)

    async def close(self) -> None:
        """End token requests and name look-ups under way."""
        await self.tokens.close()
        await self.contexts.close()
        await self.resolver.close()
