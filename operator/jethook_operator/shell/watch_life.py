"""When the watch of each kind was last seen to live, and which ones had better be given up.

A sign of life is an event, or a watch request that the server accepted: one comes at least each `SERVER_SECONDS`, since
the server ends a watch then, and kopf ends one that has been silent for 70 s. A watch without a sign of life is dead
only if the server answers other requests: while it is away, a new process could do no better.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from jethook_operator.core.resources import Kind

SERVER_SECONDS = 240  # how long the server lets one watch request run
DEAD_SECONDS = 3.0 * SERVER_SECONDS


class WatchLife:
    """Keep the signs; `saw` and `answered` may be called from any thread."""

    def __init__(
        self, kinds: Iterable[Kind], *, answered_at: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`answered_at` tells when the server last answered any other request, by the same clock."""
        self._clock = clock
        self._answered_at = answered_at
        self._seen: dict[Kind, float | None] = dict.fromkeys(kinds)

    def begin(self) -> None:
        """Expect signs from now on."""
        self._seen = dict.fromkeys(self._seen, self._clock())

    def saw(self, kind: Kind) -> None:
        """Take note of a sign of life."""
        self._seen[kind] = self._clock()

    def ages(self) -> Mapping[Kind, float]:
        """Give the seconds since the last sign of each kind; a kind that is not watched yet is left out."""
        now = self._clock()
        return {kind: now - seen for kind, seen in self._seen.items() if seen is not None}

    def dead(self) -> tuple[Kind, ...]:
        """Name the kinds whose watch is dead."""
        answered_at = self._answered_at()
        return tuple(
            kind for kind, seen in self._seen.items() if seen is not None and answered_at - seen > DEAD_SECONDS
        )
