"""The request that carries one event to one endpoint: what is fixed for a plan part is built once, not per event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import NamedTuple, Protocol

from jethook_contract.errors import Bug, Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_contract.secrets import Credentials, TlsMaterial
from jethook_contract.target import Authentication
from jethook_contract.tracing import TRACEPARENT, TRACESTATE
from jethook_dispatcher.core.authorization import authorization
from jethook_dispatcher.core.client_credentials import ClientCredentials
from jethook_dispatcher.core.handshake import ORIGIN, ORIGIN_HEADER
from jethook_dispatcher.core.signing_headers import Headers, Signatures
from jethook_dispatcher.core.trace_links import UNTRACED, TraceLinks

__all__ = [
    "USER_AGENT",
    "AskingRequest",
    "Carried",
    "Content",
    "Headers",
    "OutgoingRequest",
    "Owner",
    "RequestForm",
    "build_request",
]

USER_AGENT = f"jethook/{version('jethook')}"
_FRAMING = frozenset(
    {"connection", "content-length", "content-type", "expect", "keep-alive", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "proxy-authorization", "proxy-connection"}
)
_OWN = frozenset({TRACEPARENT, TRACESTATE})
_OWN_PREFIXES = ("webhook-", "jethook-", "ce-")


class Content(Protocol):
    """The rendered event: `headers` (content-type, and the attributes in Binary format) and `body`."""

    @property
    def headers(self) -> Headers:
        """Give name and value of each, in order."""

    @property
    def body(self) -> bytes:
        """Give the bytes to send and sign."""


class Owner(NamedTuple):
    """Name whose request it is."""

    namespace: str
    endpoint: str
    subscription: str


class Carried(NamedTuple):
    """Say what a request carries, for the span of its attempt; a tuple, since one is made for every attempt.

    `attempt` counts from 1. `events`: those in the body, in order. `batched`: the body is a CloudEvents batch, also
    with one event. `trace`: where they come from.
    """

    owner: Owner
    webhook_id: str
    attempt: int
    events: Sequence[CloudEvent]
    batched: bool
    trace: TraceLinks


# Not frozen, though nothing changes one: a frozen class takes twice as long to fill, and every attempt makes one.
@dataclass(slots=True, kw_only=True)
class OutgoingRequest:
    """One POST, ready to send.

    `url` may hold userinfo and a query: it is for the socket, not for logs; so are `headers`, hence no repr of either.
    `client_credentials`: what gets the HTTP side the token that it adds as `Authorization`; None: nothing is added.
    `tls`: the receiver's authorities and our certificate; None: the system's authorities, no certificate. `carries`:
    what a span tells of it; None where nobody is to know.
    """

    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    timeout_seconds: float
    client_credentials: ClientCredentials | None = field(default=None, repr=False)
    tls: TlsMaterial | None = field(default=None, repr=False)
    carries: Carried | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingRequest:
    """One question for consent (`core/handshake.py`), by the same URL, headers and authorisation as deliveries."""

    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    client_credentials: ClientCredentials | None = field(default=None, repr=False)
    tls: TlsMaterial | None = field(default=None, repr=False)


class RequestForm:
    """Build the requests of one plan part.

    Made once for a version of the part: raises Invalid (`BadSigningKey`, `BadHeader`, `BadCredentials`, `BadRequest`)
    for what cannot be sent at all, and Bug `NoTarget` for a part that is not Active.
    """

    __slots__ = (
        "_asking",
        "_client_credentials",
        "_common",
        "_owner",
        "_signatures",
        "_timeout_seconds",
        "_tls",
        "_urls",
    )

    def __init__(self, part: PlanPart, *, secrets: PlanSecrets) -> None:
        if part.target is None:
            raise Bug("NoTarget", f"plan part of {part.namespace}/{part.subscription.name} has no target")
        authentication = part.target.authentication
        self._owner = Owner(part.namespace, part.endpoint.name, part.subscription.name)
        self._urls = tuple(target.url for target in part.target.urls)
        self._timeout_seconds = float(part.target.timeout_seconds)
        self._signatures = Signatures(secrets.signing, urls=self._urls)
        self._client_credentials = _client_credentials(authentication, credentials=secrets.credentials)
        self._tls = None if secrets.tls == TlsMaterial() else secrets.tls
        given = (*part.target.headers, *((name, value.get_secret_value()) for name, value in secrets.headers))
        authenticated = frozenset({"authorization"}) if authentication.kind != "None" else frozenset[str]()
        for name in self._signatures.hmac_headers:
            _check_header(name, value="", taken=authenticated)
        for name, value in given:
            _check_header(name, value=value, taken=self._signatures.written | authenticated)
        own: Headers = (("jethook-subscription", f"{part.namespace}/{part.subscription.name}"),)
        agent: Headers = () if any(name.lower() == "user-agent" for name, _ in given) else (("user-agent", USER_AGENT),)
        static = authorization(authentication.kind, credentials=secrets.credentials)
        authorized: Headers = (("authorization", static),) if static is not None else ()
        shaken: Headers = ((ORIGIN_HEADER, ORIGIN),) if part.target.handshake == "CloudEvents" else ()
        self._common: Headers = (*agent, *own, *shaken, *authorized, *given)
        self._asking: Headers = (*agent, *authorized, *given)

    def asking(self, *, target: int) -> AskingRequest:
        """Give what a handshake with one of the targets carries (an index, from 0)."""
        return AskingRequest(
            url=self._urls[target],
            headers=self._asking,
            client_credentials=self._client_credentials,
            tls=self._tls,
        )

    def build(
        self,
        content: Content,
        *,
        webhook_id: str,
        attempt: int,
        now: datetime,
        target: int = 0,
        events: Sequence[CloudEvent] = (),
        batched: bool = False,
        trace: TraceLinks = UNTRACED,
    ) -> OutgoingRequest:
        """Sign and address one attempt.

        `webhook_id` is the same for every attempt, `attempt` counts from 1, `now` becomes webhook-timestamp, `target`
        is the index of the part's target, from 0: a signature may hold for its URL alone. `events`, `batched` and
        `trace` as in `Carried`; a parent in `trace` is passed on to the receiver.
        """
        timestamp = int(now.timestamp())
        headers = (
            *content.headers,
            *self._common,
            ("jethook-attempt", str(attempt)),
            ("webhook-id", webhook_id),
            ("webhook-timestamp", str(timestamp)),
            *self._signatures.headers(
                content.body, content=content.headers, webhook_id=webhook_id, timestamp=timestamp, target=target
            ),
        )
        if trace.parent is not None:
            headers += trace.parent.headers
        return OutgoingRequest(
            url=self._urls[target],
            headers=headers,
            body=content.body,
            timeout_seconds=self._timeout_seconds,
            client_credentials=self._client_credentials,
            tls=self._tls,
            carries=Carried(self._owner, webhook_id, attempt, events, batched, trace),
        )


def build_request(
    content: Content, *, part: PlanPart, secrets: PlanSecrets, webhook_id: str, attempt: int, now: datetime
) -> OutgoingRequest:
    """Build one request from scratch; a lane keeps the `RequestForm` of its part instead."""
    return RequestForm(part, secrets=secrets).build(content, webhook_id=webhook_id, attempt=attempt, now=now)


def _client_credentials(authentication: Authentication, *, credentials: Credentials) -> ClientCredentials | None:
    if authentication.kind != "OAuth2ClientCredentials":
        return None
    if credentials.client_id is None or credentials.client_secret is None:
        raise Invalid(
            "BadCredentials", "authentication.oauth2ClientCredentials: the plan lacks client id or secret; add both"
        )
    return ClientCredentials(
        token_url=authentication.token_url,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        scopes=authentication.scopes,
        audience=authentication.audience,
        client_authentication=authentication.client_authentication,
    )


def _check_header(name: str, *, value: str, taken: frozenset[str]) -> None:
    lower = name.lower()
    if not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
        raise Invalid("BadHeader", f"header {name[:60]!a}: the name is no HTTP token; rename it")
    if lower in _FRAMING or lower in _OWN or lower.startswith(_OWN_PREFIXES):
        raise Invalid("BadHeader", f"header {name}: Jethook sets it itself; remove it")
    if lower in taken:
        raise Invalid("BadHeader", f"header {name}: the endpoint's signing or authentication writes it; remove it")
    if any(c in "\r\n\0" for c in value):
        raise Invalid("BadHeader", f"header {name}: the value holds a line break or NUL; remove it")
