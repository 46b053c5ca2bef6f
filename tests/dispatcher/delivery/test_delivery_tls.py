"""Certificates are verified, and old protocol versions refused."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Deliver, Receive


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a self-signed certificate for 127.0.0.1, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    text = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(text + made.public_bytes(encoding))
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def _ok(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def test_self_signed_certificate_fails_and_sends_nothing(
    certificate: Path, receive: Receive, deliver: Deliver
) -> None:
    async with receive(_ok, tls=server_tls(certificate)) as receiver:
        outcome = await deliver(f"https://127.0.0.1:{receiver.port}/")
        assert (outcome.kind, outcome.reason) == ("Retry", "TLSFailed")
        assert receiver.heads == []


async def test_certificate_that_the_process_trusts_delivers(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, receive: Receive
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN)
    async with receive(_ok, tls=server_tls(certificate)) as receiver:
        request = OutgoingRequest(url=f"https://127.0.0.1:{receiver.port}/", headers=(), body=b"{}", timeout_seconds=10)
        outcome = await deliverer.deliver(request, before_write=lambda: True)
        await deliverer.close()
        assert isinstance(outcome, Outcome)
        assert outcome.delivered


async def test_tls_below_1_2_is_refused(certificate: Path, receive: Receive, deliver: Deliver) -> None:
    old = server_tls(certificate)
    with warnings.catch_warnings(action="ignore"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with receive(_ok, tls=old) as receiver:
        assert (await deliver(f"https://127.0.0.1:{receiver.port}/")).reason == "TLSFailed"


async def test_plain_server_behind_https_is_tls_failed(receive: Receive, deliver: Deliver) -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        raise AssertionError("no request can arrive")

    async with receive(never) as receiver:
        outcome = await deliver(f"https://127.0.0.1:{receiver.port}/", timeout_seconds=2)
    assert outcome.reason in {"TLSFailed", "Timeout"}
