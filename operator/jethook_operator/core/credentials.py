"""The credentials of an endpoint's authentication: what is public goes into the target, the rest is sealed."""

from __future__ import annotations

import re

from pydantic import SecretStr

from jethook_contract.secrets import Credentials
from jethook_contract.target import Authentication as PlanAuthentication
from jethook_operator.api.authentication import Authentication
from jethook_operator.core.resources import SecretValue
from jethook_operator.core.secret_lookup import Secrets, find_secret, find_value, invalid_key, without_line_end

USERNAME_KEY = "username"
PASSWORD_KEY = "password"  # noqa: S105 -- the name of a key
CLIENT_ID_KEY = "client-id"
CLIENT_SECRET_KEY = "client-secret"  # noqa: S105 -- the name of a key

_FIELD = "spec.authentication"
_MAX_CHARACTERS = 8192
_CONTROL = r"\x00-\x1f\x7f"
# RFC 7617, section 2: no control characters, and the user name ends at the first colon. Some APIs have no password.
_USERNAME = re.compile(rf"[^:{_CONTROL}]+")
_PASSWORD = re.compile(rf"[^{_CONTROL}]*")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_VISIBLE = re.compile(r"[\x20-\x7e]+")  # RFC 6749, appendix A: VSCHAR


def plan_authentication(authentication: Authentication | None) -> PlanAuthentication:
    """Translate the public half."""
    if authentication is None:
        return PlanAuthentication()
    if authentication.basic is not None:
        return PlanAuthentication(kind="Basic")
    oauth2 = authentication.oauth2_client_credentials
    if oauth2 is None:
        return PlanAuthentication(kind="Bearer")
    return PlanAuthentication(
        kind="OAuth2ClientCredentials",
        token_url=oauth2.token_url,
        scopes=oauth2.scopes,
        audience=oauth2.audience or "",
        client_authentication=oauth2.client_authentication,
    )


def credentials(authentication: Authentication | None, *, secrets: Secrets) -> Credentials:
    """Give the secret half; raises Waiting that names field, Secret, key and cure."""
    if authentication is None:
        return Credentials()
    if (basic := authentication.basic) is not None:
        return _basic(_secret(basic.secret_ref.name, way="basic.secretRef", secrets=secrets))
    if (bearer := authentication.bearer) is not None:
        ref, way = bearer.secret_key_ref, "bearer.secretKeyRef"
        fault = "is empty or holds what no token may (only visible ASCII, no spaces); write the token alone"
        secret = _secret(ref.name, way=way, secrets=secrets)
        return Credentials(token=_checked(secret, key=ref.key, way=way, pattern=_TOKEN, fault=fault))
    if (oauth2 := authentication.oauth2_client_credentials) is not None:
        way = "oauth2ClientCredentials.secretRef"
        return _client(_secret(oauth2.secret_ref.name, way=way, secrets=secrets), way=way)
    return Credentials()


def _basic(secret: SecretValue) -> Credentials:
    way = "basic.secretRef"
    username_fault = "is empty or holds a colon or a control character, which HTTP Basic cannot carry; correct it"
    password_fault = "holds a control character, which HTTP Basic cannot carry; correct it"  # noqa: S105 -- a sentence
    return Credentials(
        username=_checked(secret, key=USERNAME_KEY, way=way, pattern=_USERNAME, fault=username_fault),
        password=_checked(secret, key=PASSWORD_KEY, way=way, pattern=_PASSWORD, fault=password_fault),
    )


def _client(secret: SecretValue, *, way: str) -> Credentials:
    fault = "is empty or holds what OAuth 2.0 does not allow (only printable ASCII); correct it"
    return Credentials(
        client_id=_checked(secret, key=CLIENT_ID_KEY, way=way, pattern=_VISIBLE, fault=fault),
        client_secret=_checked(secret, key=CLIENT_SECRET_KEY, way=way, pattern=_VISIBLE, fault=fault),
    )


def _secret(name: str, *, way: str, secrets: Secrets) -> SecretValue:
    return find_secret(name, field=f"{_FIELD}.{way}", secrets=secrets)


def _checked(secret: SecretValue, *, key: str, way: str, pattern: re.Pattern[str], fault: str) -> SecretStr:
    field = f"{_FIELD}.{way}"
    value = without_line_end(find_value(secret, key=key, field=field, max_characters=_MAX_CHARACTERS))
    if pattern.fullmatch(value.get_secret_value()) is None:
        raise invalid_key(secret.name, key=key, field=field, fault=fault)
    return value
