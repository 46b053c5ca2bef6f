"""The pages of a process over real sockets: what is asked for is bounded, whoever asks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.monitoring import MAX_CONNECTIONS, MAX_HEAD_BYTES, Address, parse_address, serve
from tests.fixtures.poll import eventually


class Pages:
    """A process that says what the test wants."""

    def __init__(self) -> None:
        self.lacks = ""
        self.dying = ""
        self.body: Sequence[bytes] = (b"jethook_up", b" 1\n")
        self.fails = False

    async def metrics(self) -> Sequence[bytes]:
        if self.fails:
            raise RuntimeError("a page that cannot be made")
        return self.body

    def alive(self) -> str:
        return self.dying

    def ready(self) -> str:
        return self.lacks


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def at(pages: Pages) -> AsyncIterator[Address]:
    async with serve(("127.0.0.1", 0), shown=pages) as address:
        yield address


async def asked(at: Address, request: bytes) -> bytes:
    """Send a request, and read until the connection ends."""
    reader, writer = await asyncio.open_connection(*at)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def get(path: str, *, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode()


@pytest.mark.parametrize("path", ["/metrics", "/metrics?name=x"])
async def test_metrics_come_in_the_text_format_and_the_connection_ends(at: Address, path: str) -> None:
    head, _, body = (await asked(at, get(path))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
    assert b"Content-Length: 13" in head
    assert b"Connection: close" in head
    assert body == b"jethook_up 1\n"


async def test_a_long_page_arrives_whole(at: Address, pages: Pages) -> None:
    pages.body = [b"%07d\n" % number * 97 for number in range(7_000)]
    head, _, body = (await asked(at, get("/metrics"))).partition(b"\r\n\r\n")
    assert body == b"".join(pages.body)
    assert b"Content-Length: %d\r\n" % len(body) in head


@pytest.mark.parametrize(
    ("path", "lacks", "dying", "answer"),
    [
        ("/readyz", "", "", b"200 ok"),
        ("/readyz", "not connected to NATS", "", b"503 not connected to NATS"),
        ("/livez", "not connected to NATS", "", b"200 ok"),
        ("/livez", "", "NATS closed", b"503 NATS closed"),
    ],
)
async def test_a_probe_says_what_is_lacking(pages: Pages, path: str, lacks: str, dying: str, answer: bytes) -> None:
    pages.lacks, pages.dying = lacks, dying
    async with serve(("127.0.0.1", 0), shown=pages) as at:
        head, _, body = (await asked(at, get(path))).partition(b"\r\n\r\n")
    assert head.split(b" ")[1] + b" " + body == answer + b"\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(get("/"), b"404", id="no such page"),
        pytest.param(get("/metrics/../livez"), b"404", id="no paths inside paths"),
        pytest.param(get("/metrics", method="POST"), b"405", id="another method"),
        pytest.param(b"hello\r\n\r\n", b"400", id="no HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400", id="TLS"),
        pytest.param(b"GET /metrics HTTP/2.0\r\n\r\n", b"400", id="another HTTP"),
        pytest.param(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 2 * MAX_HEAD_BYTES, b"431", id="too large a head"),
    ],
)
async def test_what_is_not_asked_rightly_is_refused(at: Address, request_: bytes, status: bytes) -> None:
    assert (await asked(at, request_)).split(b" ")[1] == status


async def test_head_has_the_headers_of_get_and_no_body(at: Address) -> None:
    head, _, body = (await asked(at, get("/metrics", method="HEAD"))).partition(b"\r\n\r\n")
    assert b"Content-Length: 13" in head
    assert body == b""


async def test_who_sends_only_half_is_not_waited_for(pages: Pages) -> None:
    async with serve(("127.0.0.1", 0), shown=pages, request_seconds=0.2) as at:
        assert await asked(at, b"GET /metrics") == b""


async def test_one_connection_too_many_is_closed_and_a_later_one_is_answered(at: Address) -> None:
    silent = [await asyncio.open_connection(*at) for _ in range(MAX_CONNECTIONS)]
    assert await asked(at, get("/livez")) == b""
    for _, writer in silent:
        writer.close()
        await writer.wait_closed()
    answer = await eventually(lambda: asked(at, get("/livez")))
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_page_that_cannot_be_made_leaves_the_others_alone(
    at: Address, pages: Pages, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.fails = True
    assert await asked(at, get("/metrics")) == b""
    assert "monitoring_failed" in capsys.readouterr().out
    assert (await asked(at, get("/livez"))).startswith(b"HTTP/1.1 200")


async def test_the_port_is_free_again_afterwards(pages: Pages) -> None:
    async with serve(("127.0.0.1", 0), shown=pages) as address:
        silent = await asyncio.open_connection(*address)
    silent[1].close()
    async with serve(address, shown=pages) as again:
        assert again == address


async def test_an_address_in_use_is_the_users_to_change(pages: Pages) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = taken.getsockname()[:2]
        with pytest.raises(Invalid, match=rf"AddressInUse: --metrics 127\.0\.0\.1:{where[1]}: .*choose another port"):
            async with serve(where, shown=pages):
                pass


async def test_an_address_of_another_machine_is_refused(pages: Pages) -> None:
    with pytest.raises(Invalid, match=r"BadAddress: --metrics 192\.0\.2\.1:9464: cannot listen there"):
        async with serve(("192.0.2.1", 9464), shown=pages):
            pass


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        (":9464", ("", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        (" localhost:0 ", ("localhost", 0)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["9464", "localhost", "localhost:", "localhost:http", "a:65536", "::1:9464", "a:-1"])
def test_what_is_no_address_is_refused_with_the_cure(text: str) -> None:
    with pytest.raises(Invalid, match="HOST:PORT"):
        parse_address(text)
