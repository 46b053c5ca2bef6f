"""Work through many things one by one: at a pace, with progress, and with an orderly end at Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from jethook_contract.errors import Invalid, JethookError

SHOWN_AFTER_SECONDS = 2.0
_SHOWN_EVERY_SECONDS = 0.2
_MAX_REASONS = 20


@dataclass(slots=True, kw_only=True)
class Tally:
    """How far it came: `done`, `gone` (somebody else had removed it), `refused` by what was told of it.

    `interrupted`: a signal ended it; `fault`: what else did. What was not reached is as it was.
    """

    total: int
    done: int = 0
    gone: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False
    fault: JethookError | None = None

    @property
    def complete(self) -> bool:
        """Tell whether everything was reached and nothing refused."""
        return not (self.interrupted or self.refused or self.fault)


async def work_through(
    sequences: Sequence[int], *, step: Callable[[int], Awaitable[bool]], what: str, rate: float | None = None
) -> Tally:
    """Do `step` for each, oldest first, at most `rate` a second (None: as fast as it goes).

    `step` gives False for what is not there any more. Its Invalid refuses that one alone, another error ends the work.
    A signal ends it after the one in hand. `what` names the work in the progress line (`redriven`).
    """
    tally = Tally(total=len(sequences))
    with stop_on_signal() as stop, Progress() as progress:
        started = time.monotonic()
        for number, sequence in enumerate(sequences):
            await _pause(stop, until=started + number / rate if rate else 0.0)
            if stop.is_set():
                tally.interrupted = True
                break
            try:
                await _one(step, sequence=sequence, tally=tally)
            except JethookError as exc:
                tally.fault = exc
                break
            progress.show(f"{tally.done} of {tally.total} {what}")
    return tally


@contextlib.contextmanager
def stop_on_signal() -> Iterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set, instead of what they do otherwise."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


class Progress:
    """Keep one line on the terminal that stderr is, once the work takes over two seconds; elsewhere nothing."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._next = self._started + SHOWN_AFTER_SECONDS
        self._width = 0

    def __enter__(self) -> Self:
        return self

    def show(self, text: str) -> None:
        """Put a text in the line's place."""
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + _SHOWN_EVERY_SECONDS
        print(f"\r{text.ljust(self._width)}", end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            print(f"\r{' ' * self._width}\r", end="", file=sys.stderr, flush=True)


async def _one(step: Callable[[int], Awaitable[bool]], *, sequence: int, tally: Tally) -> None:
    try:
        if await step(sequence):
            tally.done += 1
        else:
            tally.gone += 1
    except Invalid as exc:
        told = f"{exc.message} ({exc.reason})"
        if told not in tally.refused and len(tally.refused) >= _MAX_REASONS:
            told = "and others for other reasons"
        tally.refused[told] = tally.refused.get(told, 0) + 1


async def _pause(stop: asyncio.Event, *, until: float) -> None:
    """Wait for a time, or for the stop; the loop also hears a signal where there is nothing to wait for."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            await stop.wait()
