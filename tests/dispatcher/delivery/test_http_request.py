"""What stands in a request, and how its body leaves."""

from __future__ import annotations

import asyncio

import pytest

from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.request import Headers, OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.http_request import WHOLE_BYTES
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Receive
from tests.fixtures.receivers import Receiver


async def post(url: str, *, headers: Headers = (), body: bytes = b"{}", times: int = 1) -> list[Outcome | NotStarted]:
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN)
    request = OutgoingRequest(url=url, headers=headers, body=body, timeout_seconds=10)
    try:
        return [await deliverer.deliver(request, before_write=lambda: True) for _ in range(times)]
    finally:
        await deliverer.close()


async def accepted(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("size", [1, WHOLE_BYTES, WHOLE_BYTES + 1, 768 * 1024])
async def test_body_of_any_size_arrives_whole_and_its_connection_is_used_again(size: int, receiver: Receiver) -> None:
    body = bytes(number % 251 for number in range(size))
    outcomes = await post(receiver.url, body=body, times=2)
    assert [isinstance(one, Outcome) and one.delivered for one in outcomes] == [True, True]
    assert [one.body for one in receiver.requests] == [body, body]
    assert [one.headers["content-length"] for one in receiver.requests] == [str(size)] * 2


async def test_head_holds_host_first_then_the_given_headers_and_nothing_that_would_be_undone(receive: Receive) -> None:
    async with receive(accepted) as receiver:
        await post(receiver.url, headers=(("content-type", "text/x"), ("x-two", "1"), ("x-two", "2")))
    request_line, *lines = receiver.heads[0].removesuffix("\r\n\r\n").split("\r\n")
    assert request_line == "POST /hooks HTTP/1.1"
    assert lines[:4] == [f"Host: 127.0.0.1:{receiver.port}", "content-type: text/x", "x-two: 1", "x-two: 2"]
    assert {line.partition(":")[0].lower() for line in lines[4:]} == {"accept", "user-agent", "content-length"}


async def test_a_host_of_the_spec_replaces_the_one_of_the_url(receive: Receive) -> None:
    async with receive(accepted) as receiver:
        await post(receiver.url, headers=(("host", "orders.example.com"),))
    hosts = [line for line in receiver.heads[0].split("\r\n") if line.lower().startswith("host:")]
    assert [one.partition(": ")[2] for one in hosts] == ["orders.example.com"]


async def test_credentials_of_the_url_are_sent_as_a_header(receive: Receive) -> None:
    async with receive(accepted) as receiver:
        await post(receiver.url.replace("http://", "http://user:pass@"))
    assert "Authorization: Basic dXNlcjpwYXNz\r\n" in receiver.heads[0]


async def test_credentials_in_both_url_and_header_are_refused_before_anything_is_sent(receive: Receive) -> None:
    async with receive(accepted) as receiver:
        (outcome,) = await post(
            receiver.url.replace("http://", "http://user:pass@"), headers=(("Authorization", "Bearer x"),)
        )
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.reason) == ("Retry", "BadRequest")
    assert receiver.heads == []


@pytest.mark.parametrize("name", ["x-split", "x-a\r\nx-b"])
async def test_a_line_break_in_a_header_is_never_written(name: str, receive: Receive) -> None:
    async with receive(accepted) as receiver:
        (outcome,) = await post(receiver.url, headers=((name, "1\r\nx-smuggled: 2"),))
    assert isinstance(outcome, Outcome)
    assert outcome.reason == "BadRequest"
    assert receiver.heads == []
