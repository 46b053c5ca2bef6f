"""Make the few requests that are no deliveries (tokens, handshakes) by httpx: the only place that builds its client.

The same egress rules hold as for deliveries (`http.py`), enforced in the network backend: every address, whether the
URL spells it or a name resolves to it, is judged directly before it is connected. No redirects, no proxies from the
environment, no cookies, no decompression, one request a connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpcore
import httpx
from aiohttp.abc import AbstractResolver

from jethook_contract.errors import Unavailable
from jethook_dispatcher.core.request import USER_AGENT
from jethook_dispatcher.shell.http import PolicySource

MAX_ANSWER_BYTES = 64 * 1024
MAX_ADDRESSES = 4
"""Tried of a name, one after the other."""

_OWN_HEADERS = (("user-agent", USER_AGENT), ("accept-encoding", "identity"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedAnswer:
    """A complete answer, as it was sent; `headers` ignores case, `body` is at most `MAX_ANSWER_BYTES`."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class GuardedHttp:
    """Make single requests; `policy` gives the pool's egress rules of this moment, `resolver` is the caller's."""

    def __init__(self, policy: PolicySource, *, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def request(
        self,
        method: str,
        url: str,
        *,
        context: ssl.SSLContext,
        timeout_seconds: float,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> GuardedAnswer:
        """Make one request and read its whole answer within `timeout_seconds`.

        Raises Unavailable with a reason as failed attempts have them (`Timeout`, `AddressDenied`, `NameNotResolved`,
        `ConnectFailed`, `TLSFailed`, `ConnectionClosed`, `BadAnswer`, `BadRequest`); no message repeats foreign text.
        """
        backend = _GuardedBackend(self._policy, resolver=self._resolver)
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                httpx.AsyncClient(  # noqa: TID251 -- the one place
                    transport=_GuardedTransport(backend, context=context),
                    trust_env=False,
                    follow_redirects=False,
                    timeout=timeout_seconds,
                ) as client,
            ):
                given = [*headers]
                own = [pair for pair in _OWN_HEADERS if pair[0] not in {name.lower() for name, _ in given}]
                request = client.build_request(method, url, headers=[*own, *given], content=body)
                backend.plain = request.url.scheme != "https"
                response = await client.send(request, stream=True)
                try:
                    return await _read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise Unavailable("Timeout", f"no complete answer within {timeout_seconds:g} s") from exc
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as exc:
            raise _fault_of(exc, connected=backend.connected) from exc


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a pool whose network backend is the guarded one."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, *, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no parameter for the backend; its own pool, not used so far, holds nothing.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, max_connections=1, max_keepalive_connections=0, network_backend=backend
        )


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connect to judged addresses only; for one request. Socket files stay refused, as the base class has it."""

    def __init__(self, policy: PolicySource, *, resolver: AbstractResolver) -> None:
        self.plain = True
        self.connected = False
        self._policy = policy
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that is allowed and answers."""
        failure: Exception = Unavailable("NameNotResolved", "the name has no address")
        addresses = await self._addresses(host, port=port)
        share = timeout / len(addresses) if timeout and addresses else timeout
        for address in addresses:
            verdict = self._policy().judge(address, port=port, plain=self.plain)
            if not verdict.allowed:
                failure = Unavailable("AddressDenied", verdict.message)
                continue
            try:
                stream = await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
                continue
            self.connected = True
            return stream
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait between tries."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, *, port: int) -> tuple[str, ...]:
        if _is_address(host):
            return (host,)
        if _is_old_number(host):
            # C libraries read 2130706433, 0177.0.0.1 and 127.1 as addresses; browsers and we do not send there.
            raise Unavailable("BadRequest", "the URL's host is a number but no canonical IPv4 address")
        try:
            found = await self._resolver.resolve(host, port)
        except OSError as exc:
            raise Unavailable("NameNotResolved", "the name cannot be resolved") from exc
        return tuple(one["host"] for one in found)[:MAX_ADDRESSES]


async def _read(response: httpx.Response) -> GuardedAnswer:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Unavailable("BadAnswer", f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return GuardedAnswer(status_code=response.status_code, headers=response.headers, body=bytes(body))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_old_number(host: str) -> bool:
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or last[:2].lower() == "0x"


def _fault_of(exc: Exception, *, connected: bool) -> Unavailable:
    if any(isinstance(one, ssl.SSLError) for one in _causes(exc)):
        return Unavailable("TLSFailed", "the TLS handshake failed, or the certificate is not trusted for this name")
    if isinstance(exc, httpx.ConnectError):
        if connected:
            return Unavailable("TLSFailed", "the connection was closed during the TLS handshake")
        return Unavailable("ConnectFailed", "no connection")
    if isinstance(exc, httpx.RemoteProtocolError):
        return Unavailable("BadAnswer", "the answer is no HTTP, its headers are too large, or it broke off")
    if isinstance(exc, httpx.NetworkError | OSError):
        return Unavailable("ConnectionClosed", "the connection was closed before the answer was complete")
    return Unavailable("BadRequest", "the URL or the headers cannot be sent")


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__
