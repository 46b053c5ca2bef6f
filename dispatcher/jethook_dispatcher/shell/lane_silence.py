"""Hold everything else in a process back for one trial, so that its end, if it comes, is nobody else's doing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakSet

from jethook_dispatcher.core.crash_trial import SUSPECT_AFTER
from jethook_dispatcher.shell.clock import Clock

OTHERS_SECONDS = 20.0
_POLL_SECONDS = 0.05


class Attempts(Protocol):
    """Who makes the attempts of one endpoint."""

    @property
    def running(self) -> int:
        """Count the attempts under way."""

    def advance(self) -> None:
        """Start all that may start now."""


class Silence:
    """Hold back all attempts and expressions of a process while one trial needs it; those under way end first.

    `on`: nothing may start now. `limit`: a message that was handed out more often has to be looked at; during a
    silence, that is every message.
    """

    def __init__(self, clock: Clock) -> None:
        self.on = False
        self.limit = SUSPECT_AFTER
        self._clock = clock
        self._over = asyncio.Event()
        self._turn = asyncio.Lock()
        self._still = 0
        self._attempts: WeakSet[Attempts] = WeakSet()

    def watch(self, attempts: Attempts) -> None:
        """Count these attempts among what has to end, and advance them when the silence is over."""
        self._attempts.add(attempts)

    async def over(self) -> None:
        """Wait until there is none."""
        while self.on:
            await self._over.wait()

    @asynccontextmanager
    async def around(self, *, needed: bool, own: int) -> AsyncIterator[None]:
        """Keep silence for what is done within, if it is `needed`; `own` counts the attempts that wait for it.

        After `OTHERS_SECONDS` what still runs is left running: it only waits for an answer.
        """
        if not needed:
            yield
            return
        self._still += own
        try:
            async with self._turn:
                self._begin()
                try:
                    await self._others_ended()
                    yield
                finally:
                    self._end()
        finally:
            self._still -= own

    def _begin(self) -> None:
        self.on, self.limit = True, 0
        self._over.clear()

    def _end(self) -> None:
        self.on, self.limit = False, SUSPECT_AFTER
        self._over.set()
        for attempts in list(self._attempts):
            attempts.advance()

    async def _others_ended(self) -> None:
        until = self._clock.monotonic() + OTHERS_SECONDS
        while self._others_run() and self._clock.monotonic() < until:  # noqa: ASYNC110 -- no event costs the hot path
            await asyncio.sleep(_POLL_SECONDS)

    def _others_run(self) -> bool:
        return sum(attempts.running for attempts in self._attempts) > self._still
