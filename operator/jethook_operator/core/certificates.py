"""The certificates of an endpoint's `tls`, checked so that no connection fails for what can be seen here."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import SecretStr

from jethook_contract.secrets import TlsMaterial
from jethook_operator.api.tls import TLS
from jethook_operator.core.secret_lookup import Secrets, find_secret, find_value, invalid_key

CA_KEY = "ca.crt"
CERTIFICATE_KEY = "tls.crt"
PRIVATE_KEY = "tls.key"

_MAX_CA_CHARACTERS = 262_144  # what all public authorities take; a plan part has to fit into a NATS message
_MAX_CHAIN_CHARACTERS = 65_536
_MAX_KEY_CHARACTERS = 16_384


def tls_material(tls: TLS | None, *, secrets: Secrets) -> TlsMaterial:
    """Give the PEM texts; raises Waiting that names field, Secret, key and cure."""
    if tls is None:
        return TlsMaterial()
    ca = None if tls.ca_ref is None else _ca(tls.ca_ref.name, secrets=secrets)
    if tls.client_certificate_ref is None:
        return TlsMaterial(ca=ca)
    certificate, key = _client_certificate(tls.client_certificate_ref.name, secrets=secrets)
    return TlsMaterial(ca=ca, certificate=certificate, key=key)


def _ca(name: str, *, secrets: Secrets) -> SecretStr:
    field = "spec.tls.caRef"
    secret = find_secret(name, field=field, secrets=secrets)
    value = find_value(secret, key=CA_KEY, field=field, max_characters=_MAX_CA_CHARACTERS)
    if not _certificates(value):
        fault = "is no certificate in PEM; write one or more blocks from -----BEGIN CERTIFICATE-----"
        raise invalid_key(name, key=CA_KEY, field=field, fault=fault)
    return value


def _client_certificate(name: str, *, secrets: Secrets) -> tuple[SecretStr, SecretStr]:
    field = "spec.tls.clientCertificateRef"
    secret = find_secret(name, field=field, secrets=secrets)
    chain = find_value(secret, key=CERTIFICATE_KEY, field=field, max_characters=_MAX_CHAIN_CHARACTERS)
    key = find_value(secret, key=PRIVATE_KEY, field=field, max_characters=_MAX_KEY_CHARACTERS)
    certificates = _certificates(chain)
    if not certificates:
        fault = "is no certificate in PEM; write the client's own first, then its chain"
        raise invalid_key(name, key=CERTIFICATE_KEY, field=field, fault=fault)
    private = _private_key(key)
    if private is None:
        fault = "is no private key in PEM, or has a password; write the key without one"
        raise invalid_key(name, key=PRIVATE_KEY, field=field, fault=fault)
    if _public(private) != _subject(certificates[0]):
        fault = f"does not belong to the first certificate of {CERTIFICATE_KEY}; write the key that it was made with"
        raise invalid_key(name, key=PRIVATE_KEY, field=field, fault=fault)
    return chain, key


def _certificates(text: SecretStr) -> list[x509.Certificate]:
    plain = text.get_secret_value()
    if not plain.isascii():  # OpenSSL takes no other text, though only comments could hold it
        return []
    try:
        return x509.load_pem_x509_certificates(plain.encode())
    except ValueError:
        return []


def _private_key(text: SecretStr) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(text.get_secret_value().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # their texts may quote the key
        return None


def _public(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _subject(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""
