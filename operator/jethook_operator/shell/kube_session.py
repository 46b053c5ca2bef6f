"""kopf's HTTP session, with an ear for what the API server says to watch requests: kopf does not tell of it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
import kopf


def listening_session(
    info: kopf.ConnectionInfo, *, accepted: Callable[[str], None], gone: Callable[[str], None]
) -> kopf.AiohttpSession:
    """Build the session as kopf would. kopf closes it.

    `accepted` hears the path of each watch that begins, `gone` of each whose kind is not there (404). Called in the
    loop that uses it.
    """

    async def on_end(_: object, __: SimpleNamespace, ended: aiohttp.TraceRequestEndParams) -> None:
        if ended.url.query.get("watch") != "true":
            return
        if ended.response.ok:
            accepted(ended.url.path)
        elif ended.response.status == HTTPStatus.NOT_FOUND:
            gone(ended.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(on_end)
    session = aiohttp.ClientSession(  # noqa: TID251 -- kopf takes a session or makes its own; both are built here
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        trace_configs=[trace],
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)
