"""Build the HTTP client of deliveries: the only place that does.

Egress rules are enforced in the connector's socket factory: it sees every address that is about to be connected,
IP literals included (a resolver never sees those), after the name was resolved (so that a name that changes its
address between check and use gains nothing). Connections kept open are judged again when the pool's rules change.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver

from jethook_dispatcher.core.egress import EgressPolicy
from jethook_dispatcher.shell.http_request import WholeRequest
from jethook_dispatcher.shell.resolver import CachingResolver
from jethook_dispatcher.shell.tls import system_context

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

KEEPALIVE_SECONDS = 30.0
STALE_WITHIN_SECONDS = 1.0
MAX_HEADER_BYTES = 8 * 1024
MAX_HEADERS = 100
READ_BUFFER_BYTES = 16 * 1024

DeliverySession = aiohttp.ClientSession  # noqa: TID251 -- the one place
PolicySource = Callable[[], EgressPolicy]


class AddressDenied(OSError):
    """The address may not be connected; `message` says which and why.

    An OSError, so that a name's other addresses are tried; its text is the same for all, so that aiohappyeyeballs
    raises one of them as it is instead of a combination.
    """

    def __init__(self, message: str) -> None:
        super().__init__("address denied")
        self.message = message


class WriteRefused(Exception):
    """The attempt's `before_write` said no; nothing was written."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """What the connector must know of the attempt on whose behalf it connects.

    `plain`: by http://, unencrypted. `reused`: the connection at hand had carried an earlier request.
    """

    before_write: Callable[[], bool]
    plain: bool
    reused: bool = False
    second_try: bool = False

    def take_second_try(self, exc: Exception, *, after_seconds: float) -> bool:
        """Tell, once, whether the request may go out again: an idle connection turned out to be closed.

        That shows at once; a receiver that hangs up after it has worked for a while has failed.
        """
        stale = isinstance(exc, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError) and not isinstance(
            exc, aiohttp.ClientConnectorError
        )
        granted = stale and self.reused and not self.second_try and after_seconds < STALE_WITHIN_SECONDS
        self.second_try = self.second_try or granted
        return granted


running_attempt: ContextVar[Attempt] = ContextVar("running_attempt")


def delivery_session(
    policy: PolicySource, *, resolver: AbstractResolver | None = None, context: ssl.SSLContext | None = None
) -> DeliverySession:
    """Make the session inside a running loop; the caller closes it, and the `resolver` that it gave.

    `context` is used where a request has none of its own; None: the system's authorities.

    No limit on connections is shared between endpoints (a lane has its own), no cookies, no environment proxies, no
    decompression, TLS 1.2 or newer.
    """
    connector = GuardedConnector(
        policy=policy,
        limit=0,
        limit_per_host=0,
        resolver=resolver or CachingResolver(),
        use_dns_cache=False,
        ssl=context or system_context(),
        keepalive_timeout=KEEPALIVE_SECONDS,
    )
    return DeliverySession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        request_class=WholeRequest,
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding",),
        read_bufsize=READ_BUFFER_BYTES,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
    )


class GuardedConnector(aiohttp.TCPConnector):
    """Judge each address before it is connected, and ask for leave directly before a request is written."""

    def __init__(self, *, policy: PolicySource, **options: Any) -> None:
        super().__init__(socket_factory=self._judged_socket, **options)
        self._policy = policy
        self._judged_by: WeakKeyDictionary[ResponseHandler, EgressPolicy] = WeakKeyDictionary()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- aiohttp's signature
    ) -> aiohttp.connector.Connection:
        """Get a connection on which the request is written next, without another await."""
        attempt = running_attempt.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            # All that is ready to be sent leaves in one stretch: writes that are spread out cost the system more, as
            # whoever takes them in is woken for each (docs/performance.md).
            await asyncio.sleep(0)
            if self._usable(connection, attempt=attempt):
                break
            connection.close()
        if not attempt.before_write():
            connection.release()
            raise WriteRefused
        return connection

    def _usable(self, connection: aiohttp.connector.Connection, *, attempt: Attempt) -> bool:
        protocol = connection.protocol
        if protocol is None or not protocol.is_connected():
            return False
        policy = self._policy()
        judged_by = self._judged_by.get(protocol)
        attempt.reused = judged_by is not None
        if judged_by is policy:
            return True
        self._judged_by[protocol] = policy  # a new connection too: the rules may have changed while it was made
        address = connection.transport.get_extra_info("peername") if connection.transport else None
        return address is not None and policy.judge(address[0], port=address[1], plain=attempt.plain).allowed

    def _judged_socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        verdict = self._policy().judge(address[0], port=address[1], plain=running_attempt.get().plain)
        if not verdict.allowed:
            raise AddressDenied(verdict.message)
        return socket.socket(family, kind, protocol)
