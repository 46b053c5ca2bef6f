"""One parcel from hand-out to answer: shape, sign, send, and say what became of it (design section 6, Pipeline)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from jethook_contract.attempt import Result
from jethook_contract.errors import Invalid
from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.core.retry import Delay, GiveUp, next_delay
from jethook_dispatcher.core.tray import Item
from jethook_dispatcher.shell.attempts import AttemptLog
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.deadletters import REFUSED_DELAY_SECONDS, DeadLetters, Death
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_records import Subject, record_of
from jethook_dispatcher.shell.lane_reports import AttemptReport, Reporter
from jethook_dispatcher.shell.lane_source import Source, held_of
from jethook_dispatcher.shell.lane_work import Work
from jethook_dispatcher.shell.ulid import Ulids

_MAX_TARGETS_TRIED = 3


class Sender(Protocol):
    """What an attempt needs of the HTTP side."""

    async def deliver(self, request: OutgoingRequest, *, before_write: Callable[[], bool]) -> Outcome | NotStarted:
        """Make one attempt; `before_write` is asked directly before the first byte is written."""


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

    async def run(self, work: Work) -> Outcome | None:
        """See one parcel through; give the outcome, None when nothing was sent."""
        try:
            subject = Subject(work.source.delivery_id(work.parcel), work.attempt, self.clock.now())
            outcome = await self._send(work, subject=subject)
        except Invalid as exc:
            await self._bury_all(
                work, death=Death(reason=exc.reason, attempts=work.attempt - 1, last_error=exc.message)
            )
            return None
        if isinstance(outcome, NotStarted):
            await self._give_back(work)
            return None
        work.outcome = outcome
        if outcome.kind == "Delivered":
            await self._succeed(work, subject=subject, outcome=outcome)
        elif not work.held[0].grant.holds():
            # Lapsed: another member may hold these events by now. ack_wait returns them; the failure is history only.
            self._record(work, subject=subject, outcome=outcome, result="Failed")
        elif outcome.kind == "Retry":
            await self._fail(work, subject=subject, outcome=outcome)
        elif outcome.kind == "Abort":
            await self._give_up(
                work, subject=subject, outcome=outcome, reason="AbortedByReceiver", items=work.parcel.sent
            )
        else:
            self._record(work, subject=subject, outcome=outcome, result="Failed")
            self._report(work, subject=subject, outcome=outcome, again_seconds=None)
            await self._give_back(work)  # the receiver wants nothing any more: no fault of these events
        return outcome

    async def bury(self, source: Source, *, held: Held, death: Death, stays: bool = False) -> bool:
        """Give an event up: store it as a dead letter, then end its message.

        False: it waits, in NATS unless it `stays` in hand.
        """
        if not held.grant.holds():
            return False
        stored = await self.dead_letters.store(held, part=source.part, death=death)
        if not held.grant.holds():
            return False
        if not stored:
            self.reporter.dead_letter_refused(source.part, at=self.clock.now())
            if not stays:
                if source.counts is not None:
                    source.counts.clear(held.handed.sequence, deliveries=held.handed.deliveries)
                await self.acks.nak(held, delay_seconds=REFUSED_DELAY_SECONDS)
            return False
        await self.acks.terminate(held, reason=death.reason)
        if source.counts is not None:
            source.counts.forget(held.handed.sequence)
        self.reporter.dead_lettered(source.part, reason=death.reason, message=death.last_error, at=self.clock.now())
        return True

    async def _send(self, work: Work, *, subject: Subject) -> Outcome | NotStarted:
        """Make the attempt, at another target too where the first cannot be reached."""
        tried: set[int] = set()
        while True:
            tried.add(work.permit.target)
            request = work.source.request(
                work.parcel,
                delivery_id=subject.delivery_id,
                attempt=subject.attempt,
                now=subject.started_at,
                target=work.permit.target,
            )
            outcome = await self.sender.deliver(request, before_write=work.held[0].grant.may_start)
            if isinstance(outcome, NotStarted) or outcome.delivered or len(tried) >= _MAX_TARGETS_TRIED:
                return outcome
            now = self.clock.monotonic()
            other = work.gate.fail_over(work.permit, outcome=outcome, tried=frozenset(tried), now=now)
            if other is None:
                return outcome
            work.permit = other

    async def _succeed(self, work: Work, *, subject: Subject, outcome: Outcome) -> None:
        for held in work.held:
            await self.acks.ack(held)
        if work.held[0].grant.holds():
            if work.source.counts is not None:
                for item in work.parcel.items:
                    work.source.counts.forget(item.sequence)
            self._report(work, subject=subject, outcome=outcome, again_seconds=None)
        self._record(work, subject=subject, outcome=outcome, result="Delivered")

    async def _fail(self, work: Work, *, subject: Subject, outcome: Outcome) -> None:
        source, random = work.source, self.random()
        decisions = {
            item.sequence: next_delay(
                source.part.retry,
                attempt=subject.attempt,
                random=random,
                retry_after_seconds=outcome.retry_after_seconds,
                age_seconds=self._age_seconds(held_of(item)),
            )
            for item in work.parcel.items
        }
        if source.counts is not None:
            for item in work.parcel.items:
                source.counts.failed(item.sequence, attempts=subject.attempt)
        if work.keeps_failed:
            await self._keep(work, subject=subject, outcome=outcome, decision=decisions[work.parcel.sent[-1].sequence])
            return
        spent = [item for item in work.parcel.items if isinstance(decisions[item.sequence], GiveUp)]
        delays = [decision.seconds for decision in decisions.values() if isinstance(decision, Delay)]
        self._report(work, subject=subject, outcome=outcome, again_seconds=min(delays, default=None))
        for item in work.parcel.items:
            decision = decisions[item.sequence]
            result: Result = "DeadLettered" if isinstance(decision, GiveUp) else "Failed"
            self._record(work, subject=subject, outcome=outcome, result=result, items=(item,))
            if isinstance(decision, Delay):
                await self.acks.nak(held_of(item), delay_seconds=decision.seconds)
        for item in spent:
            decision = decisions[item.sequence]
            if isinstance(decision, GiveUp):
                await self.bury(source, held=held_of(item), death=_death(decision.reason, subject, outcome))

    async def _keep(self, work: Work, *, subject: Subject, outcome: Outcome, decision: Delay | GiveUp) -> None:
        """Let a parcel wait in its tray, or give up what it sends; what that has replaced is done with it."""
        if isinstance(decision, GiveUp):
            await self._give_up(work, subject=subject, outcome=outcome, reason=decision.reason, items=work.parcel.sent)
            return
        for item in work.parcel.items:
            item.attempts = subject.attempt
        work.again_at = self.clock.monotonic() + decision.seconds
        self._report(work, subject=subject, outcome=outcome, again_seconds=decision.seconds)
        self._record(work, subject=subject, outcome=outcome, result="Failed")

    async def _give_up(
        self, work: Work, *, subject: Subject, outcome: Outcome, reason: str, items: tuple[Item, ...]
    ) -> None:
        self._report(work, subject=subject, outcome=outcome, again_seconds=None)
        self._record(work, subject=subject, outcome=outcome, result="DeadLettered")
        death, stays = _death(reason, subject, outcome), work.keeps_failed
        stored = [await self.bury(work.source, held=held_of(item), death=death, stays=stays) for item in items]
        if all(stored):
            for item in work.parcel.items:
                if item not in items:
                    await self.acks.ack(held_of(item))
        elif work.keeps_failed:
            # The dead letters are full: in order nothing may pass it, so the parcel waits where it is.
            work.again_at = self.clock.monotonic() + REFUSED_DELAY_SECONDS

    async def _bury_all(self, work: Work, *, death: Death) -> None:
        for held in work.held:
            await self.bury(work.source, held=held, death=death)

    async def _give_back(self, work: Work) -> None:
        """Nothing is to be held against these events: another owner, or a later moment, tries them."""
        if work.keeps_failed:
            work.again_at = self.clock.monotonic()
            return
        for held in work.held:
            if held.grant.holds():  # without a word it would lie until ack_wait
                work.source.excuse(held)
                await self.acks.nak(held)

    def _age_seconds(self, held: Held) -> float:
        return (self.clock.unix_nanoseconds() - held.handed.stored_nanoseconds) / 1e9

    def _report(self, work: Work, *, subject: Subject, outcome: Outcome, again_seconds: float | None) -> None:
        ended_at = self.clock.now()
        self.reporter.attempted(
            AttemptReport(
                part=work.source.part,
                outcome=outcome,
                attempt=subject.attempt,
                ended_at=ended_at,
                next_attempt_at=None if again_seconds is None else ended_at + timedelta(seconds=again_seconds),
                events=len(work.parcel.items),
            )
        )

    def _record(
        self,
        work: Work,
        *,
        subject: Subject,
        outcome: Outcome,
        result: Result,
        items: Iterable[Item] | None = None,
    ) -> None:
        for item in work.parcel.items if items is None else items:
            self.log.add(
                record_of(
                    item,
                    part=work.source.part,
                    subject=subject,
                    outcome=outcome,
                    result=result,
                    attempt_id=self.ulids.next(),
                )
            )


def _death(reason: str, subject: Subject, outcome: Outcome) -> Death:
    error = f"{outcome.reason} {outcome.status_code or ''} {outcome.message}"
    return Death(
        reason=reason,
        attempts=subject.attempt,
        last_error=error,
        status_code=outcome.status_code,
        answer_excerpt=outcome.answer_excerpt,
        webhook_id=subject.delivery_id,
    )
