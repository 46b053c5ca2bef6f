"""Certificates: what can be seen to be wrong is said before any connection fails for it."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from jethook_contract.errors import Waiting
from jethook_contract.secrets import TlsMaterial
from jethook_operator.core.references import resolve
from tests.operator.core.endpoints import a_secret, an_endpoint

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
START = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
CLIENT = {"clientCertificateRef": {"name": "certificate"}}
CA = {"caRef": {"name": "ca"}}


def certificate(key: CertificateIssuerPrivateKeyTypes) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def pem(
    key: CertificateIssuerPrivateKeyTypes,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


RSA_CERTIFICATE, P256_CERTIFICATE = certificate(RSA), certificate(P256)


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        (P256_CERTIFICATE, pem(P256)),
        (P256_CERTIFICATE, pem(P256, PrivateFormat.TraditionalOpenSSL)),
        (RSA_CERTIFICATE + P256_CERTIFICATE, pem(RSA, PrivateFormat.TraditionalOpenSSL)),
    ],
    ids=["pkcs8", "sec1", "pkcs1 with a chain, as cert-manager writes it"],
)
def test_a_certificate_with_its_key_is_sealed_and_its_ca_ignored(chain: str, key: str) -> None:
    secret = a_secret("certificate", {"tls.crt": chain, "tls.key": key, "ca.crt": "ignored"})
    material = resolve(an_endpoint(tls=CLIENT), secrets=secret).tls
    assert (material.ca, material.certificate and material.certificate.get_secret_value()) == (None, chain)
    assert material.key is not None
    assert material.key.get_secret_value() == key


def test_authorities_are_sealed_and_may_lie_beside_the_certificate() -> None:
    bundle = f"# the old and the new one\n{RSA_CERTIFICATE}{P256_CERTIFICATE}"
    secret = a_secret("ca", {"tls.crt": P256_CERTIFICATE, "tls.key": pem(P256), "ca.crt": bundle})
    material = resolve(an_endpoint(tls={**CA, "clientCertificateRef": {"name": "ca"}}), secrets=secret).tls
    assert material.ca is not None
    assert material.ca.get_secret_value() == bundle
    assert material.certificate is not None


def test_without_references_nothing_is_sealed() -> None:
    assert resolve(an_endpoint(tls={}), secrets={}).tls == TlsMaterial()


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("", "is no certificate in PEM; write one or more blocks"),
        ("ca", "is no certificate in PEM"),
        (pem(P256), "is no certificate in PEM"),
        (P256_CERTIFICATE[:200], "is no certificate in PEM"),
        (P256_CERTIFICATE.replace("MII", "AAA", 1), "is no certificate in PEM"),
        ("# clé\n" + P256_CERTIFICATE, "is no certificate in PEM"),
        ("#" * 262_145, "is longer than 262144 characters"),
    ],
)
def test_authorities_that_are_no_pem_are_refused(value: str, cure: str) -> None:
    with pytest.raises(Waiting) as raised:
        resolve(an_endpoint(tls=CA), secrets=a_secret("ca", {"ca.crt": value}))
    assert raised.value.reason == "SecretKeyInvalid"
    assert raised.value.message.startswith(f'spec.tls.caRef: key "ca.crt" of Secret "ca" {cure}')


@pytest.mark.parametrize(
    ("chain", "key", "faulty", "fault"),
    [
        ("", pem(P256), "tls.crt", "is no certificate in PEM; write the client's own first, then its chain"),
        (P256_CERTIFICATE, "", "tls.key", "is no private key in PEM, or has a password; write the key without one"),
        (P256_CERTIFICATE, P256_CERTIFICATE, "tls.key", "is no private key in PEM"),
        (P256_CERTIFICATE, pem(P256, encryption=BestAvailableEncryption(b"p")), "tls.key", "is no private key in PEM"),
        (P256_CERTIFICATE, pem(RSA), "tls.key", "does not belong to the first certificate of tls.crt; write the key"),
        (RSA_CERTIFICATE + P256_CERTIFICATE, pem(P256), "tls.key", "does not belong to the first certificate"),
    ],
)
def test_a_certificate_and_key_that_do_not_fit_are_refused(chain: str, key: str, faulty: str, fault: str) -> None:
    with pytest.raises(Waiting) as raised:
        resolve(an_endpoint(tls=CLIENT), secrets=a_secret("certificate", {"tls.crt": chain, "tls.key": key}))
    start = f'spec.tls.clientCertificateRef: key "{faulty}" of Secret "certificate" {fault}'
    assert raised.value.message.startswith(start)
    assert "BEGIN" not in raised.value.message
