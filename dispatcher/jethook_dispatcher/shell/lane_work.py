"""One attempt that a lane has begun: whose it is, what it carries, and the leave under which it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from jethook_dispatcher.core.gate import Gate, Permit
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.tray import Parcel, Tray
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_source import Source, held_of


@dataclass(slots=True, kw_only=True)
class Work:
    """Pair a parcel with its permit.

    `tray` is the one that gave the parcel: the source may group its events differently by the time the attempt ends.
    `permit` changes when the attempt goes on at another target. `again_at`: when a parcel that waits in its tray is
    tried again (monotonic seconds); None: its messages are answered, or given back to NATS. `held`: the messages that
    the attempt answers for, ascending; they have begun. `attempt`: its number, from 1, one more than any event has had.
    `outcome`: of what was sent, as soon as it is known.
    """

    source: Source
    tray: Tray
    parcel: Parcel
    gate: Gate
    permit: Permit
    again_at: float | None = None
    outcome: Outcome | None = None
    held: tuple[Held, ...] = field(init=False)
    attempt: int = field(init=False)

    def __post_init__(self) -> None:
        self.held = tuple([held_of(item) for item in self.parcel.items])
        self.attempt = 1 + max([item.attempts for item in self.parcel.items])
        for held in self.held:
            held.started = True

    @property
    def keeps_failed(self) -> bool:
        """Tell whether the parcel waits in its tray for the next attempt, instead of going back to NATS.

        Never once its grant has ended: NATS then hands it out again, and this copy may no longer be started.
        """
        return self.tray.keeps_failed and self.tray is self.source.tray and self.held[0].grant.holds()

    def settle(self, *, now: float) -> None:
        """Let go of the parcel, or leave it in its tray until it is tried again."""
        if self.again_at is not None and self.keeps_failed:
            for held in self.held:
                held.started = False
            self.tray.put_back(self.parcel, at=self.again_at, now=now)
            return
        self.tray.finish(self.parcel)
        for held in self.held:
            self.source.holding.drop(held)
