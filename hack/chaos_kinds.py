"""The endpoints and Subscriptions of a chaos run, as a table: how each behaves, what it is promised, what it is given.

A new feature is a new row. Names are those of the WebhookEndpoint, of its Subscription and of the receiver's path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

BULK = "com.example.chaos.bulk"
HOSTILE = "com.example.chaos.hostile"
LIMITED = "com.example.chaos.limited"
SHARES = {BULK: 0.8, HOSTILE: 0.1, LIMITED: 0.1}
SIGNING_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Fault = Literal["none", "error", "hang", "reset", "drip", "late"]
Document = dict[str, Any]

_PATIENT = {"maxAttempts": 40, "initialDelaySeconds": 1, "factor": 1, "maxDelaySeconds": 1}
_IMPATIENT = {"maxAttempts": 3, "initialDelaySeconds": 1, "factor": 1, "maxDelaySeconds": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a receiver does: `fault` with probability `share`, else 200 after `delay_seconds`.

    An event whose number `poison` divides is refused with 500 each time, alone or among others; 0 for none.
    """

    fault: Fault = "none"
    share: float = 0.0
    delay_seconds: float = 0.02
    poison: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One endpoint with its Subscription.

    `ordered`: each key is checked for order. `latest`: an event may be replaced by a later one of its key.
    `requests_per_second` with `burst`: the limit that is checked at the receiver, 0 for none. `endpoint` and
    `subscription` are added to their specs.
    """

    name: str
    event_type: str
    behaviour: Behaviour = Behaviour()
    timeout_seconds: int = 5
    ordered: bool = False
    latest: bool = False
    requests_per_second: int = 0
    burst: int = 0
    endpoint: Document = field(default_factory=dict)
    subscription: Document = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The Subscription as receivers are told of it: namespace/name."""
        return f"default/{self.name}"


KINDS = (
    Kind(name="healthy", event_type=BULK),
    Kind(
        name="ordered",
        event_type=BULK,
        ordered=True,
        behaviour=Behaviour(fault="error", share=0.02),
        subscription={"ordering": {"keyFrom": "event.subject"}},
    ),
    Kind(
        name="batched",
        event_type=BULK,
        behaviour=Behaviour(fault="error", share=0.05),
        subscription={"batch": {"maxEvents": 20, "maxWaitMilliseconds": 300}},
    ),
    Kind(
        name="batched-poison",
        event_type=HOSTILE,
        behaviour=Behaviour(poison=97),
        endpoint={"retry": _PATIENT | {"maxAttempts": 8}},
        subscription={"batch": {"maxEvents": 20, "maxWaitMilliseconds": 300}},
    ),
    Kind(
        name="merged-latest",
        event_type=BULK,
        latest=True,
        behaviour=Behaviour(fault="error", share=0.05),
        subscription={"merge": {"keyFrom": "event.subject", "windowSeconds": 1, "strategy": "Latest"}},
    ),
    Kind(
        name="merged-collect",
        event_type=BULK,
        behaviour=Behaviour(fault="error", share=0.05),
        subscription={"merge": {"keyFrom": "event.subject", "windowSeconds": 2, "strategy": "Collect"}},
    ),
    Kind(name="hanging", event_type=HOSTILE, timeout_seconds=2, behaviour=Behaviour(fault="hang", share=0.1)),
    Kind(name="resetting", event_type=HOSTILE, behaviour=Behaviour(fault="reset", share=0.2)),
    Kind(name="dripping", event_type=HOSTILE, timeout_seconds=2, behaviour=Behaviour(fault="drip", share=0.1)),
    Kind(name="late", event_type=HOSTILE, timeout_seconds=2, behaviour=Behaviour(fault="late", share=0.1)),
    Kind(
        name="refusing", event_type=HOSTILE, behaviour=Behaviour(poison=53), endpoint={"retry": _IMPATIENT},
    ),
    Kind(
        name="limited",
        event_type=LIMITED,
        requests_per_second=20,
        burst=5,
        endpoint={"limits": {"requestsPerSecond": 20, "burst": 5, "maxInFlight": 20}},
    ),
)  # fmt: skip


def documents(kinds: tuple[Kind, ...], *, port: int) -> list[Document]:
    """Write the objects of a run; the receiver listens on `port` of loopback."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "signing", "labels": {"jethook.io/use": "true"}},
        "stringData": {"current": SIGNING_KEY},
    }
    pool = _object("DispatcherPool", "default", {"egress": {"allowedCIDRs": ["127.0.0.0/8"]}})
    pairs = [(_endpoint(kind, port=port), _subscription(kind)) for kind in kinds]
    return [secret, pool, *(document for pair in pairs for document in pair)]


def _endpoint(kind: Kind, *, port: int) -> Document:
    spec = {
        "url": f"http://127.0.0.1:{port}/{kind.name}",
        "signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}],
        "timeoutSeconds": kind.timeout_seconds,
        "retry": _PATIENT,
    }
    return _object("WebhookEndpoint", kind.name, spec | kind.endpoint)


def _subscription(kind: Kind) -> Document:
    spec = {"endpointRef": {"name": kind.name}, "eventTypes": [kind.event_type]}
    return _object("Subscription", kind.name, spec | kind.subscription)


def _object(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "jethook.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
