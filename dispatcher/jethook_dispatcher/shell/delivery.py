"""Send one request and turn whatever happens into an `Outcome`.

An answer is read up to `MAX_ANSWER_BYTES`, then the connection is closed: a receiver that answers with 10 MiB costs
16 KiB. A 2xx whose body is cut off within that bound is a failure (`ConnectionClosed`), since the receiver died while
it answered and may not have kept the event; beyond the bound nobody looks. Another status stands as it was received.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Self

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr
from yarl import URL

from jethook_contract.errors import JethookError
from jethook_dispatcher.core.handshake import ORIGIN
from jethook_dispatcher.core.outcome import NotStarted, Outcome, failure, outcome_of_answer
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.beside import Beside
from jethook_dispatcher.shell.handshake import Handshakes
from jethook_dispatcher.shell.http import (
    Attempt,
    DeliverySession,
    PolicySource,
    WriteRefused,
    delivery_session,
    running_attempt,
)
from jethook_dispatcher.shell.http_faults import fault_of
from jethook_dispatcher.shell.http_request import Whole
from jethook_dispatcher.shell.resolver import CachingResolver

MAX_ANSWER_BYTES = 16 * 1024

_REASONS = {"BadCertificate": "TLSFailed"}

BeforeWrite = Callable[[], bool]

_log = structlog.get_logger(__name__)


class Deliverer:
    """Deliver requests over one shared pool of connections; made by `open`, ended by `close`."""

    def __init__(self, session: DeliverySession, *, beside: Beside) -> None:
        self._session = session
        self._beside = beside

    @classmethod
    def open(cls, policy: PolicySource, *, resolver: AbstractResolver | None = None, origin: str = ORIGIN) -> Self:
        """Make a deliverer inside a running loop; `policy` gives the pool's egress rules of this moment.

        `resolver` (by default one with a cache) is used for every name and closed with the deliverer; `origin` is how
        handshakes name this installation.
        """
        beside = Beside.open(policy, resolver=resolver or CachingResolver(), origin=origin)
        return cls(delivery_session(policy, resolver=beside.resolver, context=beside.contexts.system), beside=beside)

    @property
    def handshakes(self) -> Handshakes:
        """Give what asks receivers for their consent, by the same rules, names, tokens and certificates."""
        return self._beside.handshakes

    async def close(self) -> None:
        """Close all connections; attempts still running fail."""
        await self._session.close()
        await self._beside.close()

    async def deliver(self, request: OutgoingRequest, *, before_write: BeforeWrite) -> Outcome | NotStarted:
        """Make one attempt; never raises for a failed one, and lets a cancellation through.

        `before_write` is asked when a connection is there, directly before the first byte is written (nothing awaits in
        between): False gives `NotStarted`, and nothing was sent. A reused connection that the receiver closed without
        a byte of answer is no attempt yet: the request is sent once more, on a fresh connection, after asking again.
        """
        started = time.monotonic()
        attempt = Attempt(before_write=before_write, plain=request.url[:8].lower() != "https://")
        token = running_attempt.set(attempt)
        try:
            while True:
                try:
                    return await self._send(request, started=started)
                except WriteRefused:
                    return NotStarted()
                except JethookError as exc:  # no token, or a certificate that is none
                    duration_seconds = time.monotonic() - started
                    return failure(
                        _REASONS.get(exc.reason, exc.reason), message=exc.message, duration_seconds=duration_seconds
                    )
                except (aiohttp.ClientError, TimeoutError, ValueError, OSError, RuntimeError) as exc:
                    duration_seconds = time.monotonic() - started
                    if attempt.take_second_try(exc, after_seconds=duration_seconds):
                        continue
                    fault = fault_of(exc, timeout_seconds=request.timeout_seconds)
                    return failure(fault.reason, message=fault.message, duration_seconds=duration_seconds)
                except Exception as exc:  # noqa: BLE001 -- the last resort of one attempt
                    # A failed attempt, so that the event is counted and ends as a dead letter, whatever went wrong.
                    _log.exception("attempt_failed_unforeseen", webhook_id=dict(request.headers).get("webhook-id"))
                    message = f"internal error: {type(exc).__name__}"
                    return failure("Internal", message=message, duration_seconds=time.monotonic() - started)
        finally:
            running_attempt.reset(token)

    async def _send(self, request: OutgoingRequest, *, started: float) -> Outcome:
        token = None if request.client_credentials is None else await self._beside.token(request)
        response = await self._session.post(
            _parsed(request.url),
            data=Whole(request.headers if token is None else (*request.headers, _bearer(token)), request.body),
            timeout=_timeout(request.timeout_seconds if token is None else _left(request, started=started)),
            allow_redirects=False,
            ssl=True if request.tls is None else await self._beside.contexts.of_receiver(request.tls),
        )
        try:
            body = await _beginning(response)
        finally:
            # Releases a connection whose answer was read to its end, closes any other.
            response.close()
        if token is not None and response.status == HTTPStatus.UNAUTHORIZED:
            self._beside.reject(request, token=token)
        return outcome_of_answer(
            response.status,
            headers=response.headers,
            body=body,
            now=datetime.now(UTC),
            duration_seconds=time.monotonic() - started,
        )


def _bearer(token: SecretStr) -> tuple[str, str]:
    return ("authorization", f"Bearer {token.get_secret_value()}")


def _left(request: OutgoingRequest, *, started: float) -> float:
    """Give what is left of the attempt's time after its token was fetched."""
    left = request.timeout_seconds - (time.monotonic() - started)
    if left <= 0:
        raise TimeoutError
    return left


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    content = response.content
    if content.at_eof():
        return b""
    chunks: list[bytes] = []
    read = 0
    try:
        while read < MAX_ANSWER_BYTES and not content.at_eof():
            chunk = await content.read(MAX_ANSWER_BYTES - read)
            chunks.append(chunk)
            read += len(chunk)
    except (aiohttp.ClientError, TimeoutError, OSError):
        if HTTPStatus(200) <= response.status < HTTPStatus(300):
            raise
    return b"".join(chunks)


@lru_cache(maxsize=4096)
def _parsed(url: str) -> URL:
    # As the user wrote it: requoting would change what a signed query says.
    as_written = url.isascii() and url.isprintable() and " " not in url
    return URL(url, encoded=as_written)


@lru_cache(maxsize=256)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    # aiohttp rounds a long timeout up to a whole second of the loop's clock; the threshold turns that off.
    return aiohttp.ClientTimeout(total=seconds, ceil_threshold=seconds + 1)
