"""A request whose body leaves in one write with its headers.

aiohttp copies the headers of a request twice, wraps its body, and starts a task to write it, which before Python 3.12
is a turn of the event loop: a tenth of the time of a delivery, for what one `write` does. A body over `WHOLE_BYTES`
goes aiohttp's way, since the receiver may have to be waited for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict
from yarl import URL

WHOLE_BYTES = 32 * 1024
"""So much, with its headers, is below the mark at which a transport asks its writer to wait."""


class Whole(NamedTuple):
    """What a request carries: to be given as the `data` of `post`, instead of headers and data."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


class WholeRequest(aiohttp.ClientRequest):
    """Carry a `Whole`; without one it is aiohttp's own request. Nothing is compressed, chunked or traced."""

    DEFAULT_HEADERS = {hdrs.ACCEPT: "*/*"}  # noqa: RUF012 -- aiohttp's attribute

    _whole = b""

    def __init__(self, method: str, url: URL, *, headers: Any = None, data: Any = None, **options: Any) -> None:
        if isinstance(data, Whole):
            headers, data = data
        super().__init__(method, url, headers=headers, data=data, **options)

    def update_headers(self, headers: Any) -> None:
        """Set the headers; one named Host replaces the URL's."""
        host = self.url.host_port_subcomponent
        self.headers = CIMultiDict({hdrs.HOST: host or ""})
        self.headers.extend(headers or ())
        if len(self.headers.getall(hdrs.HOST)) > 1:
            super().update_headers(headers)

    def update_auto_headers(self, skip_auto_headers: Any) -> None:  # noqa: ARG002 -- aiohttp's signature
        """Add what aiohttp adds to every request, but for the encodings that it could undo."""
        super().update_auto_headers(None)

    def update_auth(self, auth: Any, trust_env: bool = False) -> None:  # noqa: FBT001, FBT002 -- aiohttp's signature
        """Refuse a URL with a password beside a header that says otherwise; aiohttp has not seen the header."""
        if auth is not None and hdrs.AUTHORIZATION in self.headers:
            raise ValueError("the URL and a header both hold credentials")
        super().update_auth(auth, trust_env)

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        """Keep a small body as it is."""
        if type(body) is not bytes or not 0 < len(body) <= WHOLE_BYTES:
            super().update_body_from_data(body, _stacklevel + 1)
            return
        self._whole = body
        self.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        self.headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Write the request; what cannot be written is a ClientOSError, as where aiohttp writes."""
        protocol = conn.protocol
        if not self._whole or protocol is None:
            return await super().send(conn)
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        try:
            await writer.write_eof(self._whole)
        except OSError as exc:
            raise aiohttp.ClientOSError(exc.errno, "the request cannot be written") from exc
        protocol.start_timeout()
        return self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )
