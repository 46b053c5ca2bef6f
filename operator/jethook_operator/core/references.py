"""What an endpoint refers to: the values of Secrets, or an error that names field, fault and cure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import SecretStr

from jethook_contract.plan import PlanSecrets, SigningKey
from jethook_operator.api.meta import SecretKeySelector, SecretReference
from jethook_operator.api.webhookendpoint import WebhookEndpoint, WebhookEndpointSpec
from jethook_operator.core.certificates import tls_material
from jethook_operator.core.credentials import credentials
from jethook_operator.core.rotation import rotation_message
from jethook_operator.core.secret_lookup import Secrets, find_secret, find_value, invalid_key
from jethook_operator.core.signing_keys import signing_key

__all__ = ["Secrets", "resolve", "rotation_message", "secret_names"]

_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]+")
_MAX_HEADER_CHARACTERS = 8192


def secret_names(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """List the Secrets that an endpoint refers to, sorted."""
    return tuple(sorted({ref.name for ref in _references(endpoint.spec)}))


def resolve(endpoint: WebhookEndpoint, *, secrets: Secrets) -> PlanSecrets:
    """Give the secrets of an endpoint, or raise Waiting: SecretNotFound, -NotLabelled, -KeyMissing, -KeyInvalid."""
    spec = endpoint.spec
    return PlanSecrets(
        headers=tuple(_headers(spec, secrets=secrets)),
        signing=tuple(_signing(spec, secrets=secrets)),
        credentials=credentials(spec.authentication, secrets=secrets),
        tls=tls_material(spec.tls, secrets=secrets),
    )


def _references(spec: WebhookEndpointSpec) -> Iterator[SecretReference | SecretKeySelector]:
    yield from (header.value_from.secret_key_ref for header in spec.headers if header.value_from is not None)
    yield from (signing.secret_ref for signing in spec.signing)
    if (authentication := spec.authentication) is not None:
        if authentication.basic is not None:
            yield authentication.basic.secret_ref
        if authentication.bearer is not None:
            yield authentication.bearer.secret_key_ref
        if authentication.oauth2_client_credentials is not None:
            yield authentication.oauth2_client_credentials.secret_ref
    if (tls := spec.tls) is not None:
        yield from (ref for ref in (tls.ca_ref, tls.client_certificate_ref) if ref is not None)


def _headers(spec: WebhookEndpointSpec, *, secrets: Secrets) -> Iterator[tuple[str, SecretStr]]:
    for position, header in enumerate(spec.headers):
        if header.value_from is not None:
            ref, field = header.value_from.secret_key_ref, f"spec.headers[{position}].valueFrom.secretKeyRef"
            secret = find_secret(ref.name, field=field, secrets=secrets)
            found = find_value(secret, key=ref.key, field=field, max_characters=_MAX_HEADER_CHARACTERS)
            # `echo` and editors leave a newline at the end, which no header may carry.
            value = SecretStr(found.get_secret_value().strip())
            if _HEADER_VALUE.fullmatch(value.get_secret_value()) is None:
                fault = "is empty or holds what no HTTP header may (a line break, a control character); correct it"
                raise invalid_key(ref.name, key=ref.key, field=field, fault=fault)
            yield header.name, value


def _signing(spec: WebhookEndpointSpec, *, secrets: Secrets) -> Iterator[SigningKey]:
    for position, signing in enumerate(spec.signing):
        yield signing_key(signing, field=f"spec.signing[{position}]", secrets=secrets)
