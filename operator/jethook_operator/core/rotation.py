"""What to tell an endpoint's owner when the values of its Secrets changed: the text of the event SecretRotated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jethook_contract.plan import PlanSecrets, SigningKey
from jethook_contract.secrets import Credentials, TlsMaterial
from jethook_operator.api.authentication import Authentication
from jethook_operator.api.tls import TLS
from jethook_operator.api.webhookendpoint import WebhookEndpoint, WebhookEndpointSpec
from jethook_operator.core.certificates import CA_KEY, CERTIFICATE_KEY
from jethook_operator.core.signing_keys import CURRENT_KEY, PREVIOUS_KEY, signs_with_all


def rotation_message(endpoint: WebhookEndpoint, *, secrets: PlanSecrets, before: PlanSecrets | None = None) -> str:
    """Say what is used from now on, by the names of Secrets, keys and headers alone.

    `before`: the secrets until now, of the same spec; None when they are not known: then all that comes from Secrets is
    named.
    """
    spec, old = endpoint.spec, before or PlanSecrets()
    parts = (
        *_signing(spec, secrets=secrets, old=old),
        *_headers(spec, secrets=secrets, old=old),
        *_credentials(spec.authentication, now=secrets.credentials, old=old.credentials),
        *_tls(spec.tls, now=secrets.tls, old=old.tls),
    )
    return "; ".join(parts) or "the Secrets hold the same values again"


def _signing(spec: WebhookEndpointSpec, *, secrets: PlanSecrets, old: PlanSecrets) -> Iterator[str]:
    earlier: tuple[SigningKey | None, ...] = (*old.signing, *[None] * len(secrets.signing))
    changed = [
        (signing.secret_ref.name, key, was)
        for signing, key, was in zip(spec.signing, secrets.signing, earlier, strict=False)
        if key != was
    ]
    current = [(name, key) for name, key, was in changed if was is None or key.keys[0] != was.keys[0]]
    if current:
        both = any(len(key.keys) > 1 and signs_with_all(key) for _, key in current)
        kept = f"; {PREVIOUS_KEY} stays valid" if both else ""
        yield f"now signing with key {CURRENT_KEY} of Secret {_names(name for name, _ in current)}{kept}"
    for name, key, was in changed:
        if was is not None and key.keys[0] == was.keys[0]:
            how = "signs too" if len(key.keys) > 1 and signs_with_all(key) else "signs no longer"
            yield f"key {PREVIOUS_KEY} of Secret {name} {how}"


def _headers(spec: WebhookEndpointSpec, *, secrets: PlanSecrets, old: PlanSecrets) -> Iterator[str]:
    was = dict(old.headers)
    changed = {name for name, value in secrets.headers if was.get(name) != value}
    refs = [header for header in spec.headers if header.name in changed and header.value_from is not None]
    if refs:
        names = _names(header.value_from.secret_key_ref.name for header in refs if header.value_from is not None)
        yield f"now sending header {_names(header.name for header in refs)} with the value in Secret {names}"


def _credentials(spec: Authentication | None, *, now: Credentials, old: Credentials) -> Iterator[str]:
    if spec is None or now == old:
        return
    if spec.basic is not None:
        yield f"now authenticating with user name and password of Secret {spec.basic.secret_ref.name}"
    if spec.bearer is not None:
        yield f"now authenticating with the token in Secret {spec.bearer.secret_key_ref.name}"
    if spec.oauth2_client_credentials is not None:
        yield f"now fetching tokens with the client of Secret {spec.oauth2_client_credentials.secret_ref.name}"


def _tls(spec: TLS | None, *, now: TlsMaterial, old: TlsMaterial) -> Iterator[str]:
    if spec is None:
        return
    if spec.ca_ref is not None and now.ca != old.ca:
        yield f"now trusting the authorities in {CA_KEY} of Secret {spec.ca_ref.name}"
    if spec.client_certificate_ref is not None and (now.certificate, now.key) != (old.certificate, old.key):
        yield f"now showing the certificate in {CERTIFICATE_KEY} of Secret {spec.client_certificate_ref.name}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
