"""OAuth 2.0 client credentials: the request for a token, what its answer says, and when to ask again.

Source: RFC 6749, sections 2.3.1 (client authentication), 4.4 (the grant), 5.1 and 5.2 (answers); RFC 6750, 2.1.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
from pydantic import SecretStr

from jethook_dispatcher.core.client_credentials import ClientCredentials

MAX_TOKEN_CHARACTERS = 8192
UNSTATED_LIFETIME_SECONDS = 300.0
MAX_LIFETIME_SECONDS = 24 * 3600.0
MIN_LIFETIME_SECONDS = 1.0
EARLY_SECONDS = 30.0
EARLY_SHARE = 0.1
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0
MAX_RETRY_AFTER_SECONDS = 300
REJECT_PAUSE_SECONDS = 60.0

_OK = 200
_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{MAX_TOKEN_CHARACTERS}}}")
_SECONDS = re.compile(r"[0-9]{1,10}")
# What may be repeated to people: the codes that are registered, never the endpoint's own words.
_ERROR_CODES = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
    | {"invalid_scope", "invalid_target", "server_error", "temporarily_unavailable"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """The POST that asks for a token; no repr shows its content, since the client's secret is in it."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return "TokenRequest(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token, and until when it is used; times are monotonic seconds.

    From `refresh_at` on a new one is fetched while this one is still used, at `expires_at` its use ends.
    """

    value: SecretStr
    refresh_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefusal:
    """The answer holds no token; `message` repeats nothing foreign. `retry_after_seconds`: 0 for not stated."""

    message: str
    retry_after_seconds: int = 0


def token_request(credentials: ClientCredentials) -> TokenRequest:
    """Write the request of the client credentials grant."""
    client_id, secret = credentials.client_id.get_secret_value(), credentials.client_secret.get_secret_value()
    form = {"grant_type": "client_credentials"}
    if credentials.scopes:
        form["scope"] = " ".join(credentials.scopes)
    if credentials.audience:
        form["audience"] = credentials.audience
    headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    if credentials.client_authentication == "Basic":
        # Encoded as a form first, which many forget (RFC 6749, section 2.3.1): a colon in the id would not survive.
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        headers.append(("authorization", f"Basic {base64.b64encode(pair).decode('ascii')}"))
    else:
        form |= {"client_id": client_id, "client_secret": secret}
    return TokenRequest(headers=tuple(headers), body=urlencode(form).encode())


def token_of_answer(
    status_code: int, *, body: bytes, asked_at: float, retry_after: str | None = None
) -> AccessToken | TokenRefusal:
    """Read the answer; `asked_at`: when the request was sent, since the token's life may have begun then.

    A token without `expires_in` is used for 5 minutes, none for more than a day.
    """
    document = _object(body)
    if status_code != _OK:
        code = document.get("error")
        said = f" ({code})" if isinstance(code, str) and code in _ERROR_CODES else ""
        return TokenRefusal(
            message=f"the token endpoint answered {status_code}{said}",
            retry_after_seconds=_retry_after_seconds(retry_after),
        )
    token, kind = document.get("access_token"), document.get("token_type", "Bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return TokenRefusal(message="the token endpoint's answer holds no usable access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return TokenRefusal(message="the token endpoint gave a token_type that is not Bearer")
    lifetime = _lifetime_seconds(document.get("expires_in"))
    return AccessToken(
        value=SecretStr(token),
        refresh_at=asked_at + lifetime - early_seconds(lifetime),
        expires_at=asked_at + lifetime,
    )


def early_seconds(lifetime_seconds: float) -> float:
    """Say how long before its end a token is renewed: 30 s or a tenth of its life, but never more than half of it."""
    return min(max(EARLY_SECONDS, EARLY_SHARE * lifetime_seconds), lifetime_seconds / 2)


def pause_seconds(failures: int, *, retry_after_seconds: int = 0) -> float:
    """Say how long the token endpoint is left alone after `failures` (from 1) in a row: 1 s, 2 s, 4 s ... 60 s."""
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 30), MAX_PAUSE_SECONDS)
    return max(pause, float(retry_after_seconds))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _lifetime_seconds(stated: object) -> float:
    # A number by the RFC; some servers write it as text.
    if isinstance(stated, str) and _SECONDS.fullmatch(stated):
        stated = int(stated)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return UNSTATED_LIFETIME_SECONDS
    return min(max(float(stated), MIN_LIFETIME_SECONDS), MAX_LIFETIME_SECONDS)


def _retry_after_seconds(value: str | None) -> int:
    text = (value or "").strip()
    return min(int(text), MAX_RETRY_AFTER_SECONDS) if _SECONDS.fullmatch(text) else 0
