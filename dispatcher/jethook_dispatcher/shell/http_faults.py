"""Translate what aiohttp raises into the reason and message of a failed attempt; no message repeats foreign text."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from jethook_dispatcher.shell.http import AddressDenied


@dataclass(frozen=True, slots=True)
class Fault:
    """`reason` is CamelCase, `message` short and safe."""

    reason: str
    message: str


def fault_of(exc: Exception, *, timeout_seconds: float) -> Fault:
    """Name the fault; the most specific class comes first."""
    if isinstance(exc, TimeoutError):
        return Fault("Timeout", f"no complete answer within {timeout_seconds:g} s")
    if isinstance(exc, aiohttp.ClientConnectorError) and isinstance(exc.os_error, AddressDenied):
        return Fault("AddressDenied", exc.os_error.message)
    if isinstance(exc, aiohttp.ClientConnectorError) and isinstance(exc.os_error, _CLOSED):
        # A TCP connect is refused or times out; only the handshake after it can be reset.
        return Fault("TLSFailed", "the receiver closed the connection during the TLS handshake")
    for classes, fault in _TABLE:
        if isinstance(exc, classes):
            return fault
    return Fault("ConnectionClosed", "the connection was closed before the answer was complete")


_CLOSED = (ConnectionResetError, ConnectionAbortedError)
_TABLE: tuple[tuple[tuple[type[Exception], ...], Fault], ...] = (
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch),
        Fault("TLSFailed", "the receiver's certificate is not trusted for this name"),
    ),
    ((aiohttp.ClientSSLError,), Fault("TLSFailed", "the TLS handshake failed")),
    ((aiohttp.ClientConnectorDNSError,), Fault("NameNotResolved", "the name of the endpoint cannot be resolved")),
    # uvloop raises RuntimeError where asyncio raises OSError, and aiohttp for a session that was closed.
    ((aiohttp.ClientConnectorError, RuntimeError), Fault("ConnectFailed", "no connection to the endpoint")),
    (
        (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError),
        Fault("BadRequest", "the endpoint's URL or headers cannot be sent"),
    ),
    ((aiohttp.ClientResponseError,), Fault("BadAnswer", "the answer is no HTTP or its headers are too large")),
)
