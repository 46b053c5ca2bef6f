"""Keep the records of trials in the bucket `jethook-retries-<pool>`, one an event under suspicion."""

from __future__ import annotations

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError
from nats.js.errors import Error as JetStreamError

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import retries_bucket
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.crash_trial import TrialRecord

KEPT_SECONDS = 14 * 24 * 3600  # longer than an event may wait
GONE_SECONDS = 1  # the shortest life of a message; nothing is left of it
_WRONG_REVISION_CODES = (10071, 10164)

_log = structlog.get_logger(__name__)


class TrialRecords:
    """Read and write trial records; every method raises Unavailable when NATS does not answer as it should.

    A revision is the one under which a record was written.
    """

    def __init__(self, jetstream: JetStreamContext, *, pool: str) -> None:
        self._jetstream = jetstream
        self._bucket = retries_bucket(pool)

    async def read(self, part: PlanPart, *, sequence: int) -> tuple[TrialRecord, int] | None:
        """Read an event's record and its revision; None when there is none that can be read."""
        try:
            message = await self._jetstream.get_msg(f"KV_{self._bucket}", subject=self._subject(part, sequence))
        except NotFoundError:
            return None
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise _unavailable(exc) from exc
        try:
            return TrialRecord.decode(message.data or b""), message.seq or 0
        except Invalid as exc:
            _log.warning("trial record lost", sequence=sequence, reason=exc.reason)
            return None

    async def write(self, part: PlanPart, *, sequence: int, record: TrialRecord) -> int:
        """Write a record over whatever is there; it is stored when this returns its revision."""
        headers = {Header.MSG_TTL.value: f"{KEPT_SECONDS}s"}
        return await self._publish(part, sequence=sequence, record=record, headers=headers)

    async def end(self, part: PlanPart, *, sequence: int, record: TrialRecord, revision: int) -> None:
        """Say that the trial written as `revision` has ended, unless another record stands there by now.

        The record is kept where it tells of deaths; else it vanishes after a second.
        """
        headers = {
            Header.MSG_TTL.value: f"{KEPT_SECONDS if record.deaths else GONE_SECONDS}s",
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(revision),
        }
        try:
            await self._publish(
                part, sequence=sequence, record=record.model_copy(update={"ended": True}), headers=headers
            )
        except _Replaced:
            return

    async def forget(self, part: PlanPart, *, sequence: int, record: TrialRecord, revision: int) -> None:
        """Forget what was found under `revision`, its deaths too."""
        await self.end(part, sequence=sequence, record=record.model_copy(update={"deaths": 0}), revision=revision)

    async def _publish(self, part: PlanPart, *, sequence: int, record: TrialRecord, headers: dict[str, str]) -> int:
        try:
            stored = await self._jetstream.publish(self._subject(part, sequence), record.encode(), headers=headers)
        except APIError as exc:
            if exc.err_code in _WRONG_REVISION_CODES:
                raise _Replaced from exc
            raise _unavailable(exc) from exc
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise _unavailable(exc) from exc
        return stored.seq

    def _subject(self, part: PlanPart, sequence: int) -> str:
        return f"$KV.{self._bucket}.{part.namespace}.{part.subscription.name}.{sequence}.trial"


class _Replaced(Exception):
    """Another record stands there by now."""


def _unavailable(exc: Exception) -> Unavailable:
    return Unavailable("NATSUnreachable", f"the record of a trial is out of reach: {type(exc).__name__}")
