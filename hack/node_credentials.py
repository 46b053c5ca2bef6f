"""What the parts of a node know each other by: certificates of one authority, and a token for each client."""

from __future__ import annotations

import csv
import datetime as dt
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hack.kubeconfig import write_kubeconfig

DAYS = 30
NODE_NAME = "jethook-node"
# User name and groups of each client, as Kubernetes' own roles expect them.
CLIENTS = {
    "admin": ("admin", ("system:masters",)),
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "kubelet": (f"system:node:{NODE_NAME}", ("system:nodes",)),
    "proxy": ("system:kube-proxy", ()),
    # The one client without a role of its own: what CoreDNS may do in a cluster, an administrator may too.
    "dns": ("coredns", ("system:masters",)),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Files of a certificate and its key, both PEM."""

    certificate: Path
    key: Path


class Credentials:
    """All of a node's certificates, tokens and kubeconfigs, below one folder that only its owner reads."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; `write` fills it."""
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ca = folder / "ca.crt"
        self.tokens = folder / "tokens.csv"
        self.api = Pair(folder / "api.crt", folder / "api.key")
        self.kubelet = Pair(folder / "kubelet.crt", folder / "kubelet.key")
        self.kubelet_client = Pair(folder / "kubelet-client.crt", folder / "kubelet-client.key")
        self.accounts = Pair(folder / "accounts.pub", folder / "accounts.key")

    def kubeconfig(self, client: str) -> Path:
        """Give the file of a client of `CLIENTS`."""
        return self.folder / f"{client}.kubeconfig"

    def write(self, *, url: str, addresses: Sequence[str], names: Sequence[str]) -> None:
        """Write everything anew: certificates for the addresses and DNS names, a kubeconfig for each client."""
        key = ec.generate_private_key(ec.SECP256R1())
        authority = _certificate("jethook-node-ca", key=key, issuer=("jethook-node-ca", key), authority=True)
        self.ca.write_bytes(authority.public_bytes(Encoding.PEM))
        issuer = ("jethook-node-ca", key)
        _write_pair(self.api, "kube-apiserver", issuer=issuer, addresses=addresses, names=names)
        _write_pair(self.kubelet, f"system:node:{NODE_NAME}", issuer=issuer, addresses=addresses, names=[NODE_NAME])
        _write_pair(self.kubelet_client, "kube-apiserver-kubelet-client", issuer=issuer, organisation="system:masters")
        _write_account_keys(self.accounts)
        self._write_clients(url)

    def _write_clients(self, url: str) -> None:
        self.tokens.touch(mode=0o600)
        with self.tokens.open("w", newline="") as file:
            rows = csv.writer(file)
            for client, (user, groups) in CLIENTS.items():
                token = secrets.token_urlsafe(32)
                rows.writerow([token, user, client, ",".join(groups)])
                write_kubeconfig(self.kubeconfig(client), url=url, ca_pem=self.ca.read_bytes(), token=token)


def _write_pair(
    pair: Pair,
    name: str,
    *,
    issuer: tuple[str, ec.EllipticCurvePrivateKey],
    addresses: Sequence[str] = (),
    names: Sequence[str] = (),
    organisation: str | None = None,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = [
        *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses),
        *(x509.DNSName(one) for one in names),
    ]
    made = _certificate(name, key=key, issuer=issuer, alternatives=alternatives, organisation=organisation)
    pair.certificate.write_bytes(made.public_bytes(Encoding.PEM))
    _write_key(pair.key, key)


def _certificate(
    name: str,
    *,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[str, ec.EllipticCurvePrivateKey],
    alternatives: Sequence[x509.GeneralName] = (),
    organisation: str | None = None,
    authority: bool = False,
) -> x509.Certificate:
    issuer_name, issuer_key = issuer
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name, organisation=organisation))
        .issuer_name(_name(issuer_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        # Python 3.13 and newer are as strict as RFC 5280: both identifiers and the usage of the key have to be there.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(_key_usage(authority=authority), critical=True)
    )
    if not authority:
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, *, organisation: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write_account_keys(pair: Pair) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_key(pair.key, key)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pair.certificate.write_bytes(public)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
