"""What an attempt makes of receivers that behave and of those that do not."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable

import pytest

from jethook_dispatcher.core.outcome import MAX_EXCERPT_BYTES, NotStarted, Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from tests.dispatcher.delivery.conftest import LOOPBACK_OPEN, Deliver, Receive
from tests.fixtures.behaviours import (
    answers,
    failing,
    flooding,
    hanging,
    hanging_up,
    hanging_up_in_mid_answer,
)
from tests.fixtures.receivers import Receiver

Receivers = Callable[..., Receiver]


def request(url: str, *, body: bytes = b"{}", headers: tuple[tuple[str, str], ...] = ()) -> OutgoingRequest:
    return OutgoingRequest(url=url, headers=headers, body=body, timeout_seconds=10)


async def test_delivers_method_path_headers_and_body_as_given(receiver: Receiver) -> None:
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN)
    url = receiver.url + "?sig=a%2Fb%3D&x=%7e"
    headers = (("content-type", "application/json"), ("X-Key", "k"), ("user-agent", "jethook/test"))
    outcome = await deliverer.deliver(request(url, body=b"\x00\xff", headers=headers), before_write=lambda: True)
    await deliverer.close()
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.status_code) == ("Delivered", 200)
    assert 0 < outcome.duration_seconds < 10
    (got,) = receiver.requests
    assert (got.method, got.path, got.body) == ("POST", "/hook?sig=a%2Fb%3D&x=%7e", b"\x00\xff")
    expected = {"content-type": "application/json", "x-key": "k", "user-agent": "jethook/test", "content-length": "2"}
    assert expected.items() <= got.headers.items()
    assert not {"cookie", "accept-encoding", "authorization"} & set(got.headers)


async def test_failing_status_carries_retry_after_and_an_excerpt(receivers: Receivers, deliver: Deliver) -> None:
    busy = receivers(failing([503], headers={"Retry-After": "17"}))
    outcome = await deliver(busy.url)
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "HTTPStatus", 503)
    assert outcome.retry_after_seconds == 17
    sad = await deliver(receivers(answers(500, body=b"no\x00pe" + b"x" * 5000)).url)
    assert sad.answer_excerpt.startswith("no pe")
    assert len(sad.answer_excerpt) == MAX_EXCERPT_BYTES


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_a_failure_and_not_followed(status: int, receivers: Receivers, deliver: Deliver) -> None:
    target = receivers()
    outcome = await deliver(receivers(answers(status, headers={"Location": target.url})).url)
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "HTTPStatus", status)
    assert target.requests == []


async def test_no_answer_ends_at_the_timeout(receivers: Receivers, deliver: Deliver) -> None:
    started = time.monotonic()
    outcome = await deliver(receivers(hanging()).url, timeout_seconds=0.5)
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "Timeout", 0)
    assert 0.45 < time.monotonic() - started < 2


async def test_ten_mebibytes_are_not_read(receivers: Receivers, deliver: Deliver) -> None:
    flood = receivers(flooding(64 * 1024 * 1024))
    assert (await deliver(flood.url)).kind == "Delivered"
    await asyncio.wait_for(_closed(flood), 5)


async def _closed(receiver: Receiver) -> None:
    while receiver.open_requests:  # noqa: ASYNC110 -- the receiver runs in another thread
        await asyncio.sleep(0.01)


async def test_success_cut_off_in_mid_answer_is_a_failure(receivers: Receivers, deliver: Deliver) -> None:
    outcome = await deliver(receivers(hanging_up_in_mid_answer()).url)
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "ConnectionClosed", 0)


async def test_failure_cut_off_in_mid_answer_keeps_its_status(receivers: Receivers, deliver: Deliver) -> None:
    outcome = await deliver(receivers(hanging_up_in_mid_answer(503)).url)
    assert (outcome.reason, outcome.status_code, outcome.answer_excerpt) == ("HTTPStatus", 503, "0123456789")


async def test_success_that_never_ends_is_bounded_by_the_timeout(receive: Receive, deliver: Deliver) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with receive(drip) as receiver:
        assert (await deliver(receiver.url, timeout_seconds=0.5)).reason == "Timeout"


async def test_hang_up_without_answer_is_connection_closed(receivers: Receivers, deliver: Deliver) -> None:
    outcome = await deliver(receivers(hanging_up()).url)
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "ConnectionClosed", 0)


async def test_nobody_listening_is_connect_failed(receivers: Receivers, deliver: Deliver) -> None:
    gone = receivers()
    gone.stop()
    assert (await deliver(gone.url)).reason == "ConnectFailed"


async def test_unknown_name_is_not_resolved(deliver: Deliver) -> None:
    outcome = await deliver("https://user:hunter2@no-such-name.invalid/x?token=t")
    assert outcome.reason == "NameNotResolved"
    assert not any(secret in repr(outcome) for secret in ("hunter2", "token"))


@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp.example.com ESMTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(500)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["no-http", "long-header", "many-headers", "bad-length"],
)
async def test_unreadable_answer_is_a_bad_answer(answer: bytes, receive: Receive, deliver: Deliver) -> None:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with receive(behave) as receiver:
        assert (await deliver(receiver.url)).reason == "BadAnswer"


@pytest.mark.parametrize("url", ["https://", "https:///x", "https://example.com:99999/", "ftp://127.0.0.1/", "x"])
async def test_url_that_cannot_be_sent_is_a_bad_request(url: str, deliver: Deliver) -> None:
    assert (await deliver(url)).reason == "BadRequest"


async def test_connection_is_kept_for_the_next_delivery(receive: Receive, deliver: Deliver) -> None:
    async with receive(_ok) as receiver:
        for _ in range(5):
            assert (await deliver(receiver.url)).delivered
        assert (receiver.connections, len(receiver.heads)) == (1, 5)


async def test_idle_connection_that_the_receiver_closed_costs_no_attempt(receive: Receive, deliver: Deliver) -> None:
    async def ok_once(writer: asyncio.StreamWriter) -> None:
        # Closes when the second request arrives, unanswered: the client believed the connection to be open.
        answered = getattr(writer, "answered", False)
        if answered:
            writer.close()
            return
        writer.answered = True  # type: ignore[attr-defined] # a mark for this test
        await _ok(writer)

    async with receive(ok_once) as receiver:
        assert (await deliver(receiver.url)).delivered
        assert (await deliver(receiver.url)).delivered
        assert (receiver.connections, len(receiver.heads)) == (2, 3)


async def test_receiver_that_hangs_up_after_working_has_failed(receive: Receive, deliver: Deliver) -> None:
    seen: list[int] = []

    async def work_then_hang_up(writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        if len(seen) == 1:
            await _ok(writer)
            return
        await asyncio.sleep(1.1)
        writer.close()

    async with receive(work_then_hang_up) as receiver:
        assert (await deliver(receiver.url)).delivered
        assert (await deliver(receiver.url)).reason == "ConnectionClosed"
        assert len(receiver.heads) == 2


async def test_answer_that_is_reset_in_the_middle_is_not_sent_again(receive: Receive, deliver: Deliver) -> None:
    seen: list[int] = []

    async def reset_the_second(writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        if len(seen) == 1:
            await _ok(writer)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123")
        await writer.drain()
        # Without lingering, closing sends a reset.
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await asyncio.sleep(0.1)
        writer.transport.abort()

    async with receive(reset_the_second) as receiver:
        assert (await deliver(receiver.url)).delivered
        assert (await deliver(receiver.url)).reason == "ConnectionClosed"
        assert len(receiver.heads) == 2


async def test_nothing_is_written_when_the_caller_may_not_start(receive: Receive) -> None:
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN)
    async with receive(_ok) as receiver:
        assert isinstance(await deliverer.deliver(request(receiver.url), before_write=lambda: False), NotStarted)
        assert receiver.heads == []
        delivered = await deliverer.deliver(request(receiver.url), before_write=lambda: True)
        assert isinstance(delivered, Outcome)
        assert receiver.connections == 1  # the connection that was opened for the first is used
    await deliverer.close()


async def test_leave_to_start_is_asked_once_the_connection_is_there(receive: Receive) -> None:
    deliverer = Deliverer.open(lambda: LOOPBACK_OPEN)
    async with receive(_ok) as receiver:
        asked: list[int] = []

        def may_start() -> bool:
            asked.append(len(receiver.heads))
            return True

        for _ in range(2):
            await deliverer.deliver(request(receiver.url), before_write=may_start)
        assert asked == [0, 1]
    assert isinstance(await deliverer.deliver(request(receiver.url), before_write=_must_not_be_asked), Outcome)
    await deliverer.close()


def _must_not_be_asked() -> bool:
    raise AssertionError("there is no connection on which anything could be written")


async def test_cancellation_passes_through_and_closes_the_request(receivers: Receivers, deliver: Deliver) -> None:
    receiver = receivers(hanging())
    task = asyncio.ensure_future(deliver(receiver.url))
    await receiver.wait_for_open_requests(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(_closed(receiver), 5)


async def test_one_hung_endpoint_does_not_hold_up_another(receivers: Receivers, deliver: Deliver) -> None:
    hung, good = receivers(hanging()), receivers()
    waiting = [asyncio.ensure_future(deliver(hung.url, timeout_seconds=3)) for _ in range(150)]
    await hung.wait_for_open_requests(150)
    started = time.monotonic()
    assert (await deliver(good.url)).delivered
    assert time.monotonic() - started < 1
    assert {outcome.reason for outcome in await asyncio.gather(*waiting)} == {"Timeout"}


async def _ok(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
