"""Begin few attempts in one pass of the event loop, however many may begin.

Each attempt takes a dozen passes, and a pass takes as long as all that is ready in it. Thousands that begin together
make passes of a second, and a lease, whose renewal takes four, is lost while NATS is well. Here nothing is held: an
endpoint that hangs keeps nobody from beginning.
"""

from __future__ import annotations

import asyncio
from collections import deque

BEGIN_IN_A_PASS = 32


class Pace:
    """Give turns: `BEGIN_IN_A_PASS` at once, the next ones in the passes that follow, in the order of asking."""

    def __init__(self) -> None:
        self._left = BEGIN_IN_A_PASS
        self._counting = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def turn(self) -> None:
        """Wait for a turn; does not give way to others when there is one."""
        if self._left:
            self._left -= 1
            self._count()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _count(self) -> None:
        """See to it that the next pass has turns again."""
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._next_pass)

    def _next_pass(self) -> None:
        self._counting, self._left = False, BEGIN_IN_A_PASS
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                self._left -= 1
        if self._left < BEGIN_IN_A_PASS:
            self._count()
