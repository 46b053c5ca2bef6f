"""One message from hand-out to answer: read, sign, send, and say what became of it (design section 6, Pipeline)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from jethook_contract.attempt import AttemptRecord, Result
from jethook_contract.cloudevents import CloudEvent
from jethook_contract.errors import Invalid
from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.core.retry import GiveUp, next_delay
from jethook_dispatcher.shell.attempts import AttemptLog
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.deadletters import REFUSED_DELAY_SECONDS, DeadLetters, Death
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_reports import AttemptReport, Reporter
from jethook_dispatcher.shell.lane_source import Source, read_event
from jethook_dispatcher.shell.ulid import Ulids


class Sender(Protocol):
    """What an attempt needs of the HTTP side."""

    async def deliver(self, request: OutgoingRequest, *, before_write: Callable[[], bool]) -> Outcome | NotStarted:
        """Make one attempt; `before_write` is asked directly before the first byte is written."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """One attempt's event, and what its records say of it."""

    event: CloudEvent
    delivery_id: str
    attempt: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Make attempts; one for the process. `random` gives numbers from 0 up to but excluding 1."""

    sender: Sender
    acks: Acks
    dead_letters: DeadLetters
    log: AttemptLog
    reporter: Reporter
    clock: Clock
    random: Callable[[], float]
    ulids: Ulids

    async def run(self, source: Source, *, held: Held) -> None:
        """See one message through; it is no longer in use when this returns."""
        if not source.wants(held.message.subject, sequence=held.handed.sequence):
            await self.acks.ack(held)
            return
        attempt = (source.counts.of(held.handed.sequence) if source.counts else 0) + 1
        now = self.clock.now()
        try:
            event = read_event(held.message)
            subject = _Subject(event, source.delivery_id(event), attempt, now)
            request = source.request(event, delivery_id=subject.delivery_id, attempt=attempt, now=now)
        except Invalid as exc:
            death = Death(reason=exc.reason, attempts=attempt - 1, last_error=exc.message)
            await self._bury(source, held=held, death=death)
            return
        outcome = await self.sender.deliver(request, before_write=held.grant.may_start)
        if isinstance(outcome, NotStarted):
            if held.grant.holds():  # handed over just now: without a word it would lie until ack_wait
                await self.acks.nak(held)
            return
        if outcome.kind == "Delivered":
            await self._succeed(source, held=held, subject=subject, outcome=outcome)
        else:
            await self._fail(source, held=held, subject=subject, outcome=outcome)

    async def _succeed(self, source: Source, *, held: Held, subject: _Subject, outcome: Outcome) -> None:
        await self.acks.ack(held)
        if held.grant.holds():
            if source.counts is not None:
                source.counts.forget(held.handed.sequence)
            self._report(source, subject=subject, outcome=outcome, next_attempt_at=None)
        self._record(source, held=held, subject=subject, outcome=outcome, result="Delivered")

    async def _fail(self, source: Source, *, held: Held, subject: _Subject, outcome: Outcome) -> None:
        if not held.grant.holds():
            # Lapsed: another member may hold this event by now. ack_wait returns it; the failure is history only.
            self._record(source, held=held, subject=subject, outcome=outcome, result="Failed")
            return
        decision = next_delay(
            source.part.retry,
            attempt=subject.attempt,
            random=self.random(),
            retry_after_seconds=outcome.retry_after_seconds,
            age_seconds=(self.clock.unix_nanoseconds() - held.handed.stored_nanoseconds) / 1e9,
        )
        if source.counts is not None:
            source.counts.failed(held.handed.sequence, attempts=subject.attempt)
        if isinstance(decision, GiveUp):
            self._report(source, subject=subject, outcome=outcome, next_attempt_at=None)
            self._record(source, held=held, subject=subject, outcome=outcome, result="DeadLettered")
            error = f"{outcome.reason} {outcome.status_code or ''} {outcome.message}"
            death = Death(reason=decision.reason, attempts=subject.attempt, last_error=error)
            await self._bury(source, held=held, death=death)
            return
        await self.acks.nak(held, delay_seconds=decision.seconds)
        again = self.clock.now() + timedelta(seconds=decision.seconds)
        self._report(source, subject=subject, outcome=outcome, next_attempt_at=again)
        self._record(source, held=held, subject=subject, outcome=outcome, result="Failed")

    async def _bury(self, source: Source, *, held: Held, death: Death) -> None:
        if not held.grant.holds():
            return
        stored = await self.dead_letters.store(held, part=source.part, death=death)
        if not held.grant.holds():
            return
        if not stored:
            self.reporter.dead_letter_refused(source.part, at=self.clock.now())
            await self.acks.nak(held, delay_seconds=REFUSED_DELAY_SECONDS)
            return
        await self.acks.terminate(held, reason=death.reason)
        if source.counts is not None:
            source.counts.forget(held.handed.sequence)
        self.reporter.dead_lettered(source.part, reason=death.reason, message=death.last_error, at=self.clock.now())

    def _report(self, source: Source, *, subject: _Subject, outcome: Outcome, next_attempt_at: datetime | None) -> None:
        self.reporter.attempted(
            AttemptReport(
                part=source.part,
                outcome=outcome,
                attempt=subject.attempt,
                ended_at=self.clock.now(),
                next_attempt_at=next_attempt_at,
            )
        )

    def _record(self, source: Source, *, held: Held, subject: _Subject, outcome: Outcome, result: Result) -> None:
        part, event = source.part, subject.event
        self.log.add(
            AttemptRecord(
                attempt_id=self.ulids.next(),
                namespace=part.namespace,
                endpoint=part.endpoint.name,
                subscription=part.subscription.name,
                event_id=event.id,
                event_source=event.source,
                event_type=event.type,
                webhook_id=subject.delivery_id,
                stream_sequence=held.handed.sequence,
                attempt=subject.attempt,
                started_at=subject.started_at,
                duration_milliseconds=int(outcome.duration_seconds * 1000),
                result=result,
                status_code=outcome.status_code,
                error_reason=outcome.reason,
                error_message=outcome.message,
                answer_excerpt=outcome.answer_excerpt,
            )
        )
