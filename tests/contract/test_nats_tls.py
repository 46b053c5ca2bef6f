"""Connections to a NATS with TLS: who is believed, what is shown, and that nothing goes in the clear."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.errors import Invalid, Unavailable
from tests.dispatcher.delivery.certificates import Authority, Pair
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component
AUTHORITY = Authority()
SECONDS = 3


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[NatsServer]:
    """Run a nats-server that has TLS and asks each client for a certificate of the same authority."""
    folder = tmp_path / "nats"
    files = _write(folder / "tls", authority=AUTHORITY, pair=AUTHORITY.issue("127.0.0.1"))
    server = NatsServer(
        folder,
        extra_config=f'tls {{ cert_file: "{files}/tls.crt", key_file: "{files}/tls.key", ca_file: "{files}/ca.crt",'
        " verify: true }",
    )
    server.start()
    yield server
    server.close()


async def test_a_folder_of_a_secret_is_all_that_is_needed(tls_server: NatsServer, tmp_path: Path) -> None:
    folder = _write(tmp_path / "client", authority=AUTHORITY, pair=AUTHORITY.issue("operator"))
    client = await connect(_settings(tls_server, folder), hooks=ConnectionHooks())
    try:
        assert (await client.jetstream().account_info()).streams == 0
    finally:
        await disconnect(client)


async def test_a_server_of_another_authority_is_not_believed(tls_server: NatsServer, tmp_path: Path) -> None:
    folder = _write(tmp_path / "client", authority=Authority("others"), pair=AUTHORITY.issue("operator"))
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await connect(_settings(tls_server, folder), hooks=ConnectionHooks())


async def test_without_a_certificate_the_server_lets_nobody_in(tls_server: NatsServer, tmp_path: Path) -> None:
    folder = _write(tmp_path / "client", authority=AUTHORITY, pair=None)
    with pytest.raises(Unavailable):
        await connect(_settings(tls_server, folder), hooks=ConnectionHooks())


async def test_renewed_certificates_count_at_the_next_connection(tls_server: NatsServer, tmp_path: Path) -> None:
    folder = _write(tmp_path / "client", authority=AUTHORITY, pair=AUTHORITY.issue("operator"))
    client = await connect(_settings(tls_server, folder), hooks=ConnectionHooks())
    try:
        renewed = Authority("renewed")
        tls_server.stop()
        await eventually(lambda: not client.is_connected)
        _write(tmp_path / "nats" / "tls", authority=renewed, pair=renewed.issue("127.0.0.1"))
        _write(folder, authority=renewed, pair=renewed.issue("operator"))
        await asyncio.to_thread(tls_server.start)
        await eventually(lambda: client.is_connected)
    finally:
        await disconnect(client)


async def test_a_url_that_asks_for_tls_sends_nothing_in_the_clear(nats_server: NatsServer) -> None:
    # nats-py would go on without TLS where the server does not offer it, which whoever sits between can bring about.
    settings = ConnectionSettings(
        servers=(nats_server.url.replace("nats://", "tls://"),), connect_timeout_seconds=SECONDS
    )
    with pytest.raises(Unavailable, match="asks for TLS"):
        await connect(settings, hooks=ConnectionHooks())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds neither ca.crt nor tls.crt"),
        ({"ca.crt": "no PEM"}, "ca.crt, tls.crt or tls.key: "),
        ({"tls.crt": AUTHORITY.issue("any").certificate}, "ca.crt, tls.crt or tls.key: No such file"),
    ],
)
async def test_files_that_are_no_tls_are_a_fault_of_the_settings(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(Invalid, match=said) as failure:
        await connect(ConnectionSettings(tls_folder=str(tmp_path)), hooks=ConnectionHooks())
    assert failure.value.reason == "BadNATSTLS"


def _settings(server: NatsServer, folder: Path) -> ConnectionSettings:
    return ConnectionSettings(
        servers=(server.url.replace("nats://", "tls://"),), tls_folder=str(folder), connect_timeout_seconds=SECONDS
    )


def _write(folder: Path, *, authority: Authority, pair: Pair | None) -> Path:
    """Lay a folder out as a mounted Secret of cert-manager."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.crt").write_text(authority.pem)
    if pair is not None:
        (folder / "tls.crt").write_text(pair.certificate)
        (folder / "tls.key").write_text(pair.key)
    return folder
