"""Leave the API server alone when it asks for it, and when it fails again and again: all requests wait together.

Each object's own back-off does not suffice: a thousand objects that fail make a thousand requests at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MOST_ASKED_SECONDS = 60.0  # of what a Retry-After may ask for
MOST_PAUSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1
_FREE_FAILURES = 3  # one broken object, or one answer that got lost, holds nobody back
_MOST_DOUBLINGS = 10
_TICK_SECONDS = 0.001  # a rest of no length would turn the loop without time passing
_TOO_MANY = 429
_SERVER_ERROR = 500
_UNANSWERED = 599


class Patience:
    """Hold requests back, in `wait`, for as long as the answers before them say."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._free_at = float("-inf")
        self._failures = 0

    async def wait(self) -> None:
        """Wait until the server may be asked again."""
        while (left := self._free_at - self._clock()) > 0:  # noqa: ASYNC110 -- it is time that is waited for
            await asyncio.sleep(max(left, _TICK_SECONDS))

    def answered(self, status: int, *, retry_after: str | None) -> None:
        """Take note of an answer. `retry_after`: seconds, as its header says; None or a date asks for nothing."""
        if status < _SERVER_ERROR and status != _TOO_MANY:
            self._failures = 0
            return
        self._failures += 1
        asked = (
            float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else 0.0
        )
        beyond = self._failures - _FREE_FAILURES
        pause = 0.0 if beyond < 0 else _FIRST_PAUSE_SECONDS * 2.0 ** min(beyond, _MOST_DOUBLINGS)
        seconds = max(min(asked, MOST_ASKED_SECONDS), min(pause, MOST_PAUSE_SECONDS))
        self._free_at = max(self._free_at, self._clock() + seconds)

    def unanswered(self) -> None:
        """Take note that no answer came."""
        self.answered(_UNANSWERED, retry_after=None)
