"""The request that carries one event to one endpoint: what is fixed for a plan part is built once, not per event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Protocol

from jethook_contract.errors import Bug, Invalid
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_dispatcher.core.signing import Signer

Headers = tuple[tuple[str, str], ...]

USER_AGENT = f"jethook/{version('jethook')}"
_FRAMING = frozenset(
    {"connection", "content-length", "content-type", "expect", "keep-alive", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "proxy-authorization", "proxy-connection"}
)
_OWN_PREFIXES = ("webhook-", "jethook-", "ce-")


class Content(Protocol):
    """The rendered event: `headers` (content-type, and the attributes in Binary format) and `body`."""

    @property
    def headers(self) -> Headers:
        """Give name and value of each, in order."""

    @property
    def body(self) -> bytes:
        """Give the bytes to send and sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingRequest:
    """One POST, ready to send.

    `url` may hold userinfo and a query: it is for the socket, not for logs; so are `headers`, hence no repr of either.
    """

    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    timeout_seconds: float


class RequestForm:
    """Build the requests of one plan part.

    Made once for a version of the part: raises Invalid (`BadSigningKey`, `BadHeader`) for what cannot be sent at all,
    and Bug `NoTarget` for a part that is not Active.
    """

    __slots__ = ("_common", "_signer", "_timeout_seconds", "_url")

    def __init__(self, part: PlanPart, *, secrets: PlanSecrets) -> None:
        if part.target is None:
            raise Bug("NoTarget", f"plan part of {part.namespace}/{part.subscription.name} has no target")
        given = (*part.target.headers, *((name, value.get_secret_value()) for name, value in secrets.headers))
        for name, value in given:
            _check_header(name, value=value)
        self._url = part.target.urls[0].url
        self._timeout_seconds = float(part.target.timeout_seconds)
        self._signer = Signer(secrets.signing)
        own: Headers = (("jethook-subscription", f"{part.namespace}/{part.subscription.name}"),)
        agent: Headers = () if any(name.lower() == "user-agent" for name, _ in given) else (("user-agent", USER_AGENT),)
        self._common: Headers = (*agent, *own, *given)

    def build(self, content: Content, *, webhook_id: str, attempt: int, now: datetime) -> OutgoingRequest:
        """Sign and address one attempt.

        `webhook_id` is the same for every attempt, `attempt` counts from 1, `now` becomes webhook-timestamp.
        """
        timestamp = int(now.timestamp())
        headers = (
            *content.headers,
            *self._common,
            ("jethook-attempt", str(attempt)),
            ("webhook-id", webhook_id),
            ("webhook-timestamp", str(timestamp)),
        )
        signature = self._signer.sign(content.body, webhook_id=webhook_id, timestamp=timestamp)
        if signature:
            headers = (*headers, ("webhook-signature", signature))
        return OutgoingRequest(url=self._url, headers=headers, body=content.body, timeout_seconds=self._timeout_seconds)


def build_request(
    content: Content, *, part: PlanPart, secrets: PlanSecrets, webhook_id: str, attempt: int, now: datetime
) -> OutgoingRequest:
    """Build one request from scratch; a lane keeps the `RequestForm` of its part instead."""
    return RequestForm(part, secrets=secrets).build(content, webhook_id=webhook_id, attempt=attempt, now=now)


def _check_header(name: str, *, value: str) -> None:
    lower = name.lower()
    if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
        raise Invalid("BadHeader", f"header {name[:60]!a}: the name is no HTTP token; rename it")
    if lower in _FRAMING or lower.startswith(_OWN_PREFIXES):
        raise Invalid("BadHeader", f"header {name}: Jethook sets it itself; remove it")
    if any(c in "\r\n\0" for c in value):
        raise Invalid("BadHeader", f"header {name}: the value holds a line break or NUL; remove it")
