"""What a dispatcher shows to a token endpoint to get access tokens for one receiver (RFC 6749, section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from jethook_contract.target import ClientAuthentication


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """One client at one token endpoint; equal ones share a token, so it is hashable.

    `token_url` may hold a query, hence no repr. `scopes` and `audience`: left out of the request when empty.
    `client_authentication`: where the client's own credentials stand, in the Authorization header (`Basic`, RFC 6749,
    section 2.3.1) or in the form (`Body`).
    """

    token_url: str = field(repr=False)
    client_id: SecretStr
    client_secret: SecretStr
    scopes: tuple[str, ...] = ()
    audience: str = ""
    client_authentication: ClientAuthentication = "Basic"
