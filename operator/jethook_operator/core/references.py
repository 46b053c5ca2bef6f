"""What an endpoint refers to: the values of Secrets, or an error that names field, fault and cure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from pydantic import SecretStr

from jethook_contract.errors import Waiting
from jethook_contract.names import SECRET_LABEL
from jethook_contract.plan import PlanSecrets, SigningKey
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.resources import SecretValue

Secrets = Mapping[str, SecretValue | None]

CURRENT_KEY = "current"
PREVIOUS_KEY = "previous"
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]+")


def secret_names(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """List the Secrets that an endpoint refers to, sorted."""
    headers = {
        header.value_from.secret_key_ref.name for header in endpoint.spec.headers if header.value_from is not None
    }
    return tuple(sorted(headers | {signing.secret_ref.name for signing in endpoint.spec.signing}))


def resolve(endpoint: WebhookEndpoint, *, secrets: Secrets) -> PlanSecrets:
    """Give the secrets of an endpoint, or raise Waiting: SecretNotFound, -NotLabelled, -KeyMissing, -KeyInvalid."""
    return PlanSecrets(
        headers=tuple(_headers(endpoint, secrets=secrets)),
        signing=tuple(
            SigningKey(scheme=signing.scheme, keys=_signing_keys(signing.secret_ref.name, position, secrets=secrets))
            for position, signing in enumerate(endpoint.spec.signing)
        ),
    )


def rotation_message(endpoint: WebhookEndpoint, *, secrets: PlanSecrets) -> str:
    """Say what signs now that the value of a Secret changed."""
    signing = endpoint.spec.signing
    if not signing:
        return "now sending the new header values from Secrets"
    previous = "; previous stays valid" if any(len(one.keys) > 1 for one in secrets.signing) else ""
    of = ", ".join(dict.fromkeys(one.secret_ref.name for one in signing))
    return f"now signing with key {CURRENT_KEY} of Secret {of}{previous}"


def _headers(endpoint: WebhookEndpoint, *, secrets: Secrets) -> list[tuple[str, SecretStr]]:
    found = []
    for position, header in enumerate(endpoint.spec.headers):
        if header.value_from is not None:
            ref, field = header.value_from.secret_key_ref, f"spec.headers[{position}].valueFrom.secretKeyRef"
            value = _stripped(_value(_secret(ref.name, field=field, secrets=secrets), key=ref.key, field=field))
            if _HEADER_VALUE.fullmatch(value.get_secret_value()) is None:
                raise _bad_key(ref.name, key=ref.key, field=field, fault="is empty or holds what no HTTP header may")
            found.append((header.name, value))
    return found


def _signing_keys(name: str, position: int, *, secrets: Secrets) -> tuple[SecretStr, ...]:
    field = f"spec.signing[{position}].secretRef"
    secret = _secret(name, field=field, secrets=secrets)
    keys = [(CURRENT_KEY, _value(secret, key=CURRENT_KEY, field=field))]
    if PREVIOUS_KEY in secret.data:
        keys.append((PREVIOUS_KEY, secret.data[PREVIOUS_KEY]))
    return tuple(_signing_key(value, name=name, key=key, field=field) for key, value in keys)


def _signing_key(value: SecretStr, *, name: str, key: str, field: str) -> SecretStr:
    stripped = _stripped(value)
    try:
        decoded = base64.b64decode(stripped.get_secret_value().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise _bad_key(name, key=key, field=field, fault="is no base64; write whsec_ and the base64 of 24 to 64 bytes")
    return stripped


def _secret(name: str, *, field: str, secrets: Secrets) -> SecretValue:
    secret = secrets.get(name)
    label = f"{SECRET_LABEL}=true"
    if secret is None:
        text = f'{field}: Secret "{name}" does not exist (create it with label {label})'
        raise Waiting("SecretNotFound", text)
    if not secret.labelled:
        text = f'{field}: Secret "{name}" lacks label {label} (kubectl label secret {name} {label})'
        raise Waiting("SecretNotLabelled", text)
    return secret


def _value(secret: SecretValue, *, key: str, field: str) -> SecretStr:
    value = secret.data.get(key)
    if value is None:
        has = ", ".join(sorted(secret.data)[:5]) or "none"
        text = f'{field}: Secret "{secret.name}" has no key "{key}" (it has: {has}); add it'
        raise Waiting("SecretKeyMissing", text)
    return value


def _stripped(value: SecretStr) -> SecretStr:
    # `echo` and editors leave a newline at the end, which no header may carry.
    return SecretStr(value.get_secret_value().strip())


def _bad_key(name: str, *, key: str, field: str, fault: str) -> Waiting:
    return Waiting("SecretKeyInvalid", f'{field}: key "{key}" of Secret "{name}" {fault}')
