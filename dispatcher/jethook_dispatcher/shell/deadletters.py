"""Store dead letters: always before the source message is terminated.

A dead letter is the event as it was, with headers that say why. It carries its own message id, so that a second store
of the same hand-out is dropped by the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from jethook_contract import deadletters
from jethook_contract.names import deadletters_stream
from jethook_contract.plan import PlanPart
from jethook_contract.subjects import deadletters_subject
from jethook_dispatcher.shell.lane_held import Held

STORE_TIMEOUT_SECONDS = 5.0
REFUSED_DELAY_SECONDS = 30.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Why an event is given up.

    `reason` is CamelCase (`AttemptsExhausted`, `AgeExceeded`, or what made the event unreadable); `attempts` counts
    those that were made; `last_error` is for people and holds no secret. `status_code`: of the last answer, 0 for none;
    `answer_excerpt` its beginning. `webhook_id`: of the delivery, empty when there was none. `died_at`: None leaves it
    to the stream's own time.
    """

    reason: str
    attempts: int
    last_error: str
    status_code: int = 0
    answer_excerpt: str = ""
    webhook_id: str = ""
    died_at: datetime | None = None


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
    handed = held.handed
    stored_at = datetime.fromtimestamp(handed.stored_nanoseconds / 1e9, tz=UTC)
    optional = {
        deadletters.STATUS_CODE: str(death.status_code) if death.status_code else "",
        deadletters.ANSWER_EXCERPT: deadletters.one_line(death.answer_excerpt),
        deadletters.WEBHOOK_ID: deadletters.one_line(death.webhook_id),
        deadletters.DIED_AT: death.died_at.isoformat() if death.died_at is not None else "",
    }
    return {
        **deadletters.producers_headers(held.message.headers),
        deadletters.MESSAGE_ID: f"{part.stream}/{part.subscription.name}/{handed.sequence}/{handed.stored_nanoseconds}",
        deadletters.REASON: death.reason,
        deadletters.ATTEMPTS: str(death.attempts),
        deadletters.LAST_ERROR: deadletters.one_line(death.last_error),
        deadletters.STORED_AT: stored_at.isoformat(),
        deadletters.EVENT_SEQUENCE: str(handed.sequence),
        deadletters.EVENT_SUBJECT: held.message.subject,
        deadletters.SUBSCRIPTION: f"{part.namespace}/{part.subscription.name}",
        deadletters.ENDPOINT: f"{part.namespace}/{part.endpoint.name}",
        **{name: value for name, value in optional.items() if value},
    }
