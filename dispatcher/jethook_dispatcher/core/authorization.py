"""The `Authorization` header that stays the same for every request: Basic (RFC 7617) and Bearer (RFC 6750)."""

from __future__ import annotations

import base64

from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import Credentials
from jethook_contract.target import AuthenticationKind


def authorization(kind: AuthenticationKind, *, credentials: Credentials) -> str | None:
    """Give the value; None where the kind has no static one. Raises Invalid `BadCredentials`."""
    if kind == "Basic":
        return _basic(_given(credentials.username, what="user name"), _given(credentials.password, what="password"))
    if kind == "Bearer":
        return _bearer(_given(credentials.token, what="token"))
    return None


def _basic(username: str, password: str) -> str:
    if ":" in username:
        raise Invalid("BadCredentials", "authentication.basic: the user name holds a colon, which Basic cannot carry")
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _bearer(token: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Invalid("BadCredentials", "authentication.bearer: the token is empty or holds what no header may carry")
    return f"Bearer {token}"


def _given(value: SecretStr | None, *, what: str) -> str:
    if value is None:
        raise Invalid("BadCredentials", f"authentication: the plan holds no {what}; add it to the Secret")
    return value.get_secret_value()
