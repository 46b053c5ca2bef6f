"""Store dead letters: always before the source message is terminated.

A dead letter is the event as it was, with headers that say why. It carries its own message id, so that a second store
of the same hand-out is dropped by the stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from jethook_contract.names import deadletters_stream
from jethook_contract.plan import PlanPart
from jethook_contract.subjects import deadletters_subject
from jethook_dispatcher.shell.lane_held import Held

STORE_TIMEOUT_SECONDS = 5.0
REFUSED_DELAY_SECONDS = 30.0
_MAX_HEADER_CHARACTERS = 512
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # what nats-py sends; a server stores more

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Why an event is given up.

    `reason` is CamelCase (`AttemptsExhausted`, `AgeExceeded`, or what made the event unreadable); `attempts` counts
    those that were made; `last_error` is for people and holds no secret.
    """

    reason: str
    attempts: int
    last_error: str


class DeadLetters:
    """Store dead letters and wait until the stream has them."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream

    async def store(self, held: Held, *, part: PlanPart, death: Death) -> bool:
        """Store one; False when the stream refused or did not answer: the event then has to wait."""
        namespace, subscription = part.namespace, part.subscription.name
        try:
            await self._jetstream.publish(
                deadletters_subject(namespace, subscription),
                held.message.data,
                timeout=STORE_TIMEOUT_SECONDS,
                stream=deadletters_stream(namespace),
                headers=_headers(held, part=part, death=death),
            )
        except (NatsError, JetStreamError, TimeoutError) as exc:
            _log.error(
                "dead letter refused, the event waits",
                namespace=namespace,
                subscription=subscription,
                sequence=held.handed.sequence,
                reason=death.reason,
                error=getattr(exc, "description", None) or type(exc).__name__,
            )
            return False
        return True


def _headers(held: Held, *, part: PlanPart, death: Death) -> dict[str, str]:
    kept = {
        name: value
        for name, value in (held.message.headers or {}).items()
        if _TOKEN.fullmatch(name) and not name.startswith("Nats-")
    }
    handed = held.handed
    return kept | {
        "Nats-Msg-Id": f"{part.stream}/{part.subscription.name}/{handed.sequence}/{handed.stored_nanoseconds}",
        "Jethook-Reason": death.reason,
        "Jethook-Attempts": str(death.attempts),
        "Jethook-Last-Error": _one_line(death.last_error),
        "Jethook-Event-Sequence": str(handed.sequence),
        "Jethook-Event-Subject": held.message.subject,
        "Jethook-Subscription": f"{part.namespace}/{part.subscription.name}",
        "Jethook-Endpoint": f"{part.namespace}/{part.endpoint.name}",
    }


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:_MAX_HEADER_CHARACTERS].strip()
