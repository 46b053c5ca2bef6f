"""Private authorities and client certificates, renewed while the process runs, against a real TLS server."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.secrets import TlsMaterial
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.tls import TlsContexts
from tests.dispatcher.delivery.certificates import Authority, Pair, common_name, material
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Receive

Send = Callable[..., Awaitable[Outcome]]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def clients() -> Authority:
    return Authority("clients")


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    """Give a function that delivers over TLS to a port of 127.0.0.1."""
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN)

    async def run(port: int, *, tls: TlsMaterial | None, host: str = "127.0.0.1") -> Outcome:
        request = OutgoingRequest(url=f"https://{host}:{port}/", headers=(), body=b"{}", timeout_seconds=5, tls=tls)
        outcome = await deliverer.deliver(request, before_write=lambda: True)
        assert isinstance(outcome, Outcome)
        return outcome

    yield run
    await deliverer.close()


def naming(seen: list[str]) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Answer 200 and note the name in the client's certificate."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("ssl_object")
        seen.append(common_name(peer))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    return answer


async def test_private_authority_is_trusted_where_it_is_given_and_nowhere_else(
    authority: Authority, tmp_path: Path, receive: Receive, send: Send
) -> None:
    async with receive(naming([]), tls=authority.server(tmp_path)) as receiver:
        assert (await send(receiver.port, tls=None)).reason == "TLSFailed"
        assert (await send(receiver.port, tls=material(ca=Authority("another")))).reason == "TLSFailed"
        assert receiver.heads == []
        assert (await send(receiver.port, tls=material(ca=authority))).delivered


async def test_private_authority_does_not_make_a_wrong_name_right(
    authority: Authority, tmp_path: Path, receive: Receive, send: Send
) -> None:
    async with receive(naming([]), tls=authority.server(tmp_path)) as receiver:
        outcome = await send(receiver.port, tls=material(ca=authority), host="localhost")
        assert outcome.reason == "TLSFailed"
        assert receiver.heads == []


async def test_client_certificate_is_shown(
    authority: Authority, clients: Authority, tmp_path: Path, receive: Receive, send: Send
) -> None:
    seen: list[str] = []
    async with receive(naming(seen), tls=authority.server(tmp_path, clients=clients)) as receiver:
        tls = material(ca=authority, client=clients.issue("jethook-1"))
        assert (await send(receiver.port, tls=tls)).delivered
    assert seen == ["jethook-1"]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (ssl.TLSVersion.TLSv1_2, "TLSFailed"),
        # TLS 1.3 refuses after the handshake: for the client it is a connection that closes.
        (ssl.TLSVersion.TLSv1_3, "ConnectionClosed"),
    ],
)
async def test_receiver_that_wants_a_certificate_gets_no_request_without(
    version: ssl.TLSVersion, reason: str, tmp_path: Path, receive: Receive, send: Send
) -> None:
    authority = Authority()
    server = authority.server(tmp_path, clients=authority)
    server.maximum_version = version
    async with receive(naming([]), tls=server) as receiver:
        outcome = await send(receiver.port, tls=material(ca=authority))
        assert receiver.heads == []
    assert outcome.reason == reason


async def test_renewed_certificate_is_used_at_once_though_a_connection_is_open(
    authority: Authority, clients: Authority, tmp_path: Path, receive: Receive, send: Send
) -> None:
    seen: list[str] = []
    first, second = (material(ca=authority, client=clients.issue(name)) for name in ("old", "new"))
    async with receive(naming(seen), tls=authority.server(tmp_path, clients=clients)) as receiver:
        for tls in (first, first, second, second):
            assert (await send(receiver.port, tls=tls)).delivered
        assert receiver.connections == 2
    assert seen == ["old", "old", "new", "new"]


async def test_equal_material_of_two_plan_versions_shares_the_connection(
    authority: Authority, clients: Authority, tmp_path: Path, receive: Receive, send: Send
) -> None:
    client = clients.issue("same")
    async with receive(naming([]), tls=authority.server(tmp_path, clients=clients)) as receiver:
        for _ in range(3):
            tls = TlsMaterial.decode(_copy(material(ca=authority, client=client)))
            assert (await send(receiver.port, tls=tls)).delivered
        assert receiver.connections == 1


async def test_material_that_is_none_fails_the_attempt_and_repeats_none_of_it(send: Send) -> None:
    outcome = await send(9, tls=TlsMaterial(ca=SecretStr("hunter2")))
    assert (outcome.kind, outcome.reason) == ("Retry", "TLSFailed")
    assert "spec.tls.caRef" in outcome.message
    assert "hunter2" not in repr(outcome)


def _encrypted(pair: Pair) -> Pair:
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    made = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"pass"),
    )
    return Pair(pair.certificate, made.decode())


@pytest.mark.parametrize("fault", ["no PEM", "another's key", "encrypted key", "no key", "not ASCII"])
async def test_certificate_and_key_that_do_not_fit_are_refused(fault: str, clients: Authority) -> None:
    one, other = clients.issue("one"), clients.issue("other")
    bad = {
        "no PEM": material(client=Pair("hunter2", "hunter2")),
        "another's key": material(client=Pair(one.certificate, other.key)),
        "encrypted key": material(client=_encrypted(one)),
        "no key": TlsMaterial(certificate=SecretStr(one.certificate)),
        "not ASCII": TlsMaterial(ca=SecretStr("höchst geheim")),
    }[fault]
    with pytest.raises(Invalid) as caught:
        await TlsContexts().of_receiver(bad)
    assert caught.value.reason == "BadCertificate"
    assert not any(word in str(caught.value) for word in ("hunter2", "geheim", one.key))


async def test_no_descriptor_or_file_stays_behind(clients: Authority) -> None:
    contexts = TlsContexts()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- /proc/self/fd holds links to nothing
    for number in range(20):
        await contexts.of_receiver(material(client=clients.issue(str(number))))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_contexts_are_shared_by_value_and_bounded() -> None:
    contexts = TlsContexts(max_contexts=2)
    one, two, three = (material(ca=Authority(str(number))) for number in range(3))
    kept = await contexts.of_receiver(one)
    assert await contexts.of_receiver(TlsMaterial.decode(_copy(one))) is kept
    dropped = await contexts.of_receiver(two)
    assert await contexts.of_receiver(one) is kept  # used again, so `two` is the oldest now
    await contexts.of_receiver(three)
    assert await contexts.of_receiver(one) is kept
    assert await contexts.of_receiver(two) is not dropped


async def test_many_endpoints_with_one_authority_share_a_context_though_all_begin_at_once(authority: Authority) -> None:
    contexts = TlsContexts()
    parts = [TlsMaterial.decode(_copy(material(ca=authority))) for _ in range(200)]
    found = await asyncio.gather(*map(contexts.of_receiver, parts))
    assert len({id(context) for context in found}) == 1
    assert await contexts.of_receiver(parts[-1]) is found[0]


async def test_a_context_is_made_beside_the_loop(clients: Authority) -> None:
    contexts = TlsContexts()
    materials = [material(client=clients.issue(str(number))) for number in range(20)]
    of_process, of_loop = time.process_time(), time.thread_time()
    await asyncio.gather(*map(contexts.of_receiver, materials))
    of_process, of_loop = time.process_time() - of_process, time.thread_time() - of_loop
    assert of_loop < of_process / 4, "the loop's thread did the work"


async def test_an_attempt_that_is_cancelled_does_not_take_the_context_from_another(clients: Authority) -> None:
    contexts = TlsContexts()
    tls = material(client=clients.issue("shared"))
    first, second = (asyncio.ensure_future(contexts.of_receiver(tls)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    made = await second
    assert first.cancelled()
    assert await contexts.of_receiver(tls) is made
    await contexts.close()


async def test_token_endpoint_trusts_the_system_too_and_gets_no_client_certificate(clients: Authority) -> None:
    authority = Authority()
    contexts = TlsContexts()
    private = material(ca=authority, client=clients.issue("jethook"))
    receiver, token_endpoint = await contexts.of_receiver(private), await contexts.of_token_endpoint(private)
    assert len(receiver.get_ca_certs()) == 1
    assert len(token_endpoint.get_ca_certs()) == len(contexts.system.get_ca_certs()) + 1
    assert await contexts.of_token_endpoint(material(client=clients.issue("jethook"))) is contexts.system
    for context in (receiver, token_endpoint):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def _copy(tls: TlsMaterial) -> bytes:
    """Write the material as the sealed plan does, secrets in the clear."""
    pairs = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    return json.dumps({name: value.get_secret_value() for name, value in pairs.items() if value}).encode()
