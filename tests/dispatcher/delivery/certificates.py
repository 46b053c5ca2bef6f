"""A certificate authority for tests: server and client certificates as PEM texts, and servers' contexts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from jethook_contract.secrets import TlsMaterial

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: str
    key: str


class Authority:
    """Issue certificates for 127.0.0.1 and for clients."""

    def __init__(self, name: str = "test authority") -> None:
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        made = _builder(self._name, issuer=self._name, key=self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.pem = made.sign(self._key, hashes.SHA256()).public_bytes(_PEM).decode()

    def issue(self, common_name: str) -> Pair:
        """Issue one for the name, good for 127.0.0.1 too."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("receiver.test")])
        made = _builder(_name(common_name), issuer=self._name, key=key).add_extension(names, critical=False)
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return Pair(made.sign(self._key, hashes.SHA256()).public_bytes(_PEM).decode(), private.decode())

    def server(self, folder: Path, *, clients: Authority | None = None) -> ssl.SSLContext:
        """Make a server's context; with `clients` it takes only clients whose certificate they issued."""
        pair = self.issue("127.0.0.1")
        path = folder / f"server-{id(pair)}.pem"
        path.write_text(pair.key + pair.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.pem)
        return context


def material(*, ca: Authority | None = None, client: Pair | None = None) -> TlsMaterial:
    """Put together what a plan would carry."""
    return TlsMaterial(
        ca=SecretStr(ca.pem) if ca else None,
        certificate=SecretStr(client.certificate) if client else None,
        key=SecretStr(client.key) if client else None,
    )


def common_name(peer: ssl.SSLObject) -> str:
    """Read the name in the certificate that the other side showed."""
    found = peer.getpeercert() or {}
    return next((str(value) for part in found.get("subject", ()) for key, value in part if key == "commonName"), "")


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, *, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
