"""Where a plan part sends, and how carefully: the endpoint's half of the plan. Holds no secret (see `secrets.py`)."""

from __future__ import annotations

from typing import Literal

from jethook_contract.record import Record

AuthenticationKind = Literal["None", "Basic", "Bearer", "OAuth2ClientCredentials"]
HandshakeKind = Literal["None", "CloudEvents"]
ClientAuthentication = Literal["Basic", "Body"]


class TargetUrl(Record):
    """One instance of the receiver. `weight`: 1 to 100, its share of what is outstanding."""

    url: str
    weight: int = 1


class Limits(Record):
    """What the receiver is given at once, over the whole pool.

    `requests_per_second`: None for no limit. `burst`: requests that may follow at once after a pause, 1 or more; None:
    as many as `requests_per_second`. `max_in_flight`: requests open at the same time.
    """

    requests_per_second: int | None = None
    burst: int | None = None
    max_in_flight: int = 20


class BreakerPolicy(Record):
    """When deliveries to a target stop, and how they begin again (design section 3, circuitBreaker).

    It opens when at least `failure_percent` of the attempts of the last `window_seconds` failed, of which there were
    `min_requests`, and when `min_requests` or more failed in a row over at least a tenth of it. The first pause is
    `open_seconds`, each later one twice as long, at most `max_open_seconds`. After it has closed, the load grows over
    `slow_start_seconds`; 0 for at once.
    """

    failure_percent: int = 50
    window_seconds: int = 60
    min_requests: int = 20
    open_seconds: int = 30
    max_open_seconds: int = 900
    slow_start_seconds: int = 60


class Authentication(Record):
    """How requests are authorised, without the secret.

    `token_url`, `client_id`, `scopes`, `audience` and `client_authentication` (where the client's own credentials
    stand: in the Authorization header or in the body) belong to `OAuth2ClientCredentials` (RFC 6749, section 4.4).
    """

    kind: AuthenticationKind = "None"
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""
    client_authentication: ClientAuthentication = "Basic"


class Target(Record):
    """Where and how to send.

    `urls`: at least one, instances of one receiver. `headers` are the plain ones, in order. `resume` is the value of
    the annotation `jethook.io/resume`: another value ends what the receiver's 410 began. `tls` says whether `secrets`
    hold a CA or a client certificate.
    """

    urls: tuple[TargetUrl, ...]
    timeout_seconds: int = 15
    headers: tuple[tuple[str, str], ...] = ()
    limits: Limits = Limits()
    breaker: BreakerPolicy = BreakerPolicy()
    authentication: Authentication = Authentication()
    handshake: HandshakeKind = "None"
    resume: str = ""
