"""What becomes of a message that a lane is handed: into its Subscription's tray, or answered at once."""

from __future__ import annotations

from collections.abc import Callable

from nats.aio.msg import Msg

from jethook_contract.errors import Invalid
from jethook_dispatcher.core.lane_reply import read_reply
from jethook_dispatcher.core.tray import Item
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source

OVERRUN_DELAY_SECONDS = 1.0


class Intake:
    """Take messages in for the sources of a lane; `placed` hears of what is ready to be tried later than it came."""

    def __init__(self, services: LaneServices, *, placed: Callable[[], None]) -> None:
        self._services = services
        self._placed = placed
        self._silence = services.suspects.silence

    def take(self, source: Source, *, message: Msg, grant: Grant) -> bool:
        """Take one message; tell whether there is something more to try."""
        now = self._services.clock.monotonic()
        held = Held(message, handed=read_reply(message.reply), grant=grant, now=now)
        if self._services.budget.overrun and len(source.holding):
            source.excuse(held)
            self._services.spawn(self._services.acks.nak(held, delay_seconds=OVERRUN_DELAY_SECONDS))
            return False
        if not source.holding.add(held):
            return False
        if held.handed.deliveries > self._silence.limit and self._services.suspects.takes_over(
            source, held=held, reader=self
        ):
            return False
        reading = self.read(source, held=held)
        if isinstance(reading, Item):
            source.tray.add(reading, now=now)
            return True
        self._answer_at_once(source, held=held, death=reading)
        return False

    def read(self, source: Source, *, held: Held) -> Item | Death | None:
        """Read a message: something to try, to give up, or (None) that nobody wants."""
        try:
            return self._item(source, held=held)
        except Invalid as exc:
            return Death(reason=exc.reason, attempts=0, last_error=exc.message)

    def place(self, source: Source, *, held: Held, reading: Item | Death | None) -> None:
        """Go on with a message that was held up before it was read."""
        if isinstance(reading, Item):
            source.tray.add(reading, now=self._services.clock.monotonic())
            self._placed()
        else:
            self._answer_at_once(source, held=held, death=reading)

    def _item(self, source: Source, *, held: Held) -> Item | None:
        """Place a message; None when nobody wants it. Raises Invalid for one that is too old or cannot be read."""
        if not source.wants(held.message.subject, sequence=held.handed.sequence):
            return None
        longest = source.part.backlog.max_age_seconds
        if self._age_seconds(held) > longest:
            raise Invalid("BacklogExceeded", f"it waited longer than spec.backlog.maxAgeSeconds ({longest} s)")
        return source.item(held)

    def _age_seconds(self, held: Held) -> float:
        return (self._services.clock.unix_nanoseconds() - held.handed.stored_nanoseconds) / 1e9

    def _answer_at_once(self, source: Source, *, held: Held, death: Death | None) -> None:
        held.started = True
        self._services.spawn(self._answer(source, held=held, death=death))

    async def _answer(self, source: Source, *, held: Held, death: Death | None) -> None:
        """Acknowledge what nobody wants, or put to the dead letters what cannot be sent."""
        try:
            if death is None:
                await self._services.acks.ack(held)
            else:
                await self._services.runner.bury(source, held=held, death=death)
        finally:
            source.holding.drop(held)
