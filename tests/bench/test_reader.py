"""The receivers' reading of requests: whole, in order, wherever the bytes are cut."""

from __future__ import annotations

import pytest

from bench.reader import RequestReader, path_of

FIRST = b"POST /hook/a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
SECOND = b"POST /hook/b?x HTTP/1.1\r\ncontent-length:0\r\nHost: h\r\n\r\n"
THIRD = b"GET /count HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 40, 1000])
def test_requests_come_out_whole_however_they_are_cut(size: int) -> None:
    reader, data = RequestReader(), FIRST + SECOND + THIRD
    found = [one for start in range(0, len(data), size) for one in reader.feed(data[start : start + size])]
    assert [(path_of(head), body) for head, body in found] == [
        ("/hook/a", b"hello"),
        ("/hook/b?x", b""),
        ("/count", b""),
    ]


def test_a_request_without_its_whole_body_is_not_one_yet() -> None:
    assert list(RequestReader().feed(FIRST[:-1])) == []
