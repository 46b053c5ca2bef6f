"""Start attempts of one lane while its gate lets them, the Subscriptions in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from nats.errors import Error as NatsError

from jethook_contract.errors import JethookError
from jethook_dispatcher.core.gate import Gate, Wait
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_work import Work

_log = structlog.get_logger(__name__)


class Workers:
    """Run the attempts of one lane.

    `may_work` tells whether anything may start at all, `refill` asks for more of a source that has room, `ended` hears
    of each attempt's end (None: nothing was sent). `begun` counts the attempts. What cannot start now is looked at
    again when the gate or a tray says so.
    """

    def __init__(
        self,
        services: LaneServices,
        *,
        may_work: Callable[[], bool],
        refill: Callable[[Source], Awaitable[None]],
        ended: Callable[[Outcome | None], None],
    ) -> None:
        self.turns: deque[Source] = deque()
        self.running = 0
        self.begun = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self._gate: Gate | None = None
        self._services = services
        self._may_work = may_work
        self._refill = refill
        self._ended = ended
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._places_taken = False
        self._silence = services.suspects.silence
        self._silence.watch(self)

    def serve(self, gate: Gate | None) -> None:
        """Ask this gate from now on, or the same one by another spec."""
        self._gate, self._places_taken = gate, False

    def advance(self) -> None:
        """Start all that may start now; while every place is taken, the attempt that ends first looks again."""
        if self._places_taken and self.running:
            return
        while (work := self._next()) is not None:
            self.running += 1
            self.idle.clear()
            self._services.spawn(self._see_through(work))

    def stop(self) -> None:
        """Forget the timer; nothing starts by itself any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> Work | None:
        gate = self._gate
        if gate is None or self._silence.on or not self._may_work() or not self._anything_waits():
            return None
        now = self._services.clock.monotonic()
        permit = gate.enter(now=now)
        if isinstance(permit, Wait):
            self._places_taken = permit.limited_by == "MaxInFlight"
            self._look_again(permit.until, now=now)
            return None
        for _ in range(len(self.turns)):
            source = self.turns[0]
            self.turns.rotate(-1)
            if not source.startable or not source.tray.waiting:
                continue
            parcel = source.tray.take(now=now)
            if parcel is not None:
                source.running += 1
                self.begun += 1
                return Work(source=source, tray=source.tray, parcel=parcel, gate=gate, permit=permit)
        gate.leave(permit, outcome=None, now=now)
        ready = (source.tray.next_at(now=now) for source in self.turns if source.startable)
        self._look_again(min((at for at in ready if at is not None), default=None), now=now)
        return None

    def _anything_waits(self) -> bool:
        for source in self.turns:  # noqa: SIM110 -- a generator costs more than the question
            if source.tray.waiting:
                return True
        return False

    async def _see_through(self, work: Work | None) -> None:
        try:
            while work is not None:
                await self._run(work)
                work = self._next()
        finally:
            self.running -= 1
            if not self.running:
                self.idle.set()

    async def _run(self, work: Work) -> None:
        source, outcome = work.source, None
        try:
            await self._services.pace.turn()
            if source.hungry:
                await self._refill(source)
            runner = self._services.suspects if work.parcel.items[0].alone else self._services.runner
            outcome = await runner.run(work)
        except (JethookError, NatsError) as exc:
            # Not answered, so ack_wait gives the events back; what was sent counts all the same.
            outcome = work.outcome
            _log.warning("event not seen through", sequence=work.parcel.items[0].sequence, error=type(exc).__name__)
        except Exception:  # noqa: BLE001 -- the top of a task: one event must not cost the lane a place
            outcome = work.outcome
            _log.exception("event not seen through", sequence=work.parcel.items[0].sequence)
        finally:
            now = self._services.clock.monotonic()
            self._places_taken = False
            source.running -= 1
            work.settle(now=now)
            work.gate.leave(work.permit, outcome=outcome, now=now)
            self._ended(outcome)

    def _look_again(self, at: float | None, *, now: float) -> None:
        """Advance at that moment, unless it is to be sooner already."""
        if at is None or (self._timer is not None and self._timer_at <= at):
            return
        self.stop()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(max(0.0, at - now), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.advance()
