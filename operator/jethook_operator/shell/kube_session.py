"""kopf's HTTP session, with an ear for the watch requests that the API server accepts: kopf does not tell of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
import kopf


def listening_session(info: kopf.ConnectionInfo, *, accepted: Callable[[str], None]) -> kopf.AiohttpSession:
    """Build the session as kopf would; `accepted` hears the path of each watch that begins. kopf closes it.

    Called in the loop that uses it.
    """

    async def on_end(_: object, __: SimpleNamespace, ended: aiohttp.TraceRequestEndParams) -> None:
        if ended.response.ok and ended.url.query.get("watch") == "true":
            accepted(ended.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(on_end)
    session = aiohttp.ClientSession(  # noqa: TID251 -- kopf takes a session or makes its own; both are built here
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        trace_configs=[trace],
    )
    return kopf.AiohttpSession(server=info.server, aiohttp_session=session)
