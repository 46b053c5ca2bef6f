"""The work queue: keyed, deduplicating, with back-off. Between what providers see and what a reconcile does.

A key is at most once in the queue and at most once in work. Added while in work, it is marked dirty and runs again
after; so the last run of a key always starts after its last change. An error brings the key back later, each time
twice as late; a success forgets the errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from jethook_contract.errors import Bug, JethookError

K = TypeVar("K", bound=Hashable)
_MAX_DOUBLINGS = 30
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """How late an erring key comes back: `base * 2^(errors-1)`, at most `max`, then up to `jitter` (0..1) more."""

    base_seconds: float = 0.005
    max_seconds: float = 30.0
    jitter: float = 0.1

    def delay(self, errors: int, *, random: float) -> float:
        """Give the delay in seconds after that many errors in a row (from 1); `random` is in [0, 1)."""
        doubled = self.base_seconds * 2.0 ** min(errors - 1, _MAX_DOUBLINGS)
        return min(self.max_seconds, doubled) * (1 + self.jitter * random)


@dataclass(slots=True)
class Counters:
    """What happened since the start; `deduplicated` are adds of a key that waited already."""

    added: int = 0
    deduplicated: int = 0
    succeeded: int = 0
    failed: int = 0


class WorkQueue(Generic[K]):
    """Run `work` for each key that is added; `work` gives the seconds after which to run again, or None."""

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        workers: int,
        random: Callable[[], float],
        back_off: BackOff | None = None,
    ) -> None:
        self.counters = Counters()
        self._work = work
        self._workers = workers
        self._random = random
        self._back_off = back_off or BackOff()
        self._waiting: dict[K, float] = {}  # with the time of arrival, in its order
        self._running: set[K] = set()
        self._dirty: set[K] = set()
        self._errors: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._work_there = asyncio.Event()
        self._stopped = False
        self._ended_at = 0.0  # when a run last ended

    @property
    def depth(self) -> int:
        """Count the keys that wait for a worker."""
        return len(self._waiting)

    @property
    def oldest_seconds(self) -> float:
        """Tell how long the first in the queue has waited, 0 when nothing does."""
        since = next(iter(self._waiting.values()), None)
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    @property
    def stalled_seconds(self) -> float:
        """Tell for how long something has waited while no run ended, 0 when nothing waits."""
        since = next(iter(self._waiting.values()), None)
        return 0.0 if since is None else asyncio.get_running_loop().time() - max(since, self._ended_at)

    @property
    def retrying(self) -> int:
        """Count the keys whose last run failed."""
        return len(self._errors)

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits and nothing is in work; what is delayed does not count."""
        return not self._waiting and not self._running

    def add(self, key: K) -> None:
        """Have the key run as soon as a worker is free; never waits."""
        if self._stopped:
            return
        if key in self._waiting or key in self._dirty:
            self.counters.deduplicated += 1
            return
        self.counters.added += 1
        if key in self._running:
            self._dirty.add(key)
            return
        self._enqueue(key)

    def add_after(self, key: K, *, seconds: float) -> None:
        """Have the key run later; the earlier of two delays counts, and a run in between makes it void."""
        if self._stopped:
            return
        loop = asyncio.get_running_loop()
        known = self._timers.get(key)
        if known is not None and known.when() <= loop.time() + seconds:
            return
        if known is not None:
            known.cancel()
        self._timers[key] = loop.call_later(max(0.0, seconds), self._mature, key)

    async def run(self) -> None:
        """Work until `stop`; what is in work then is finished first."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._work_there.set()

    def _mature(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _enqueue(self, key: K) -> None:
        self._waiting[key] = asyncio.get_running_loop().time()
        self._work_there.set()

    async def _worker(self) -> None:
        while not self._stopped:
            if not self._waiting:
                self._work_there.clear()
                await self._work_there.wait()
                continue
            key = next(iter(self._waiting))
            del self._waiting[key]
            await self._process(key)

    async def _process(self, key: K) -> None:
        self._running.add(key)
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        try:
            again = await self._attempt(key)
        finally:
            self._running.discard(key)
            self._ended_at = asyncio.get_running_loop().time()
        if key in self._dirty:
            self._dirty.discard(key)
            if not self._stopped:
                self._enqueue(key)
        elif again is not None:
            self.add_after(key, seconds=again)

    async def _attempt(self, key: K) -> float | None:
        try:
            again = await self._work(key)
        except Exception as exc:  # noqa: BLE001 -- the top of a task: one key's error leaves the others alone
            self.counters.failed += 1
            self._errors[key] = self._errors.get(key, 0) + 1
            delay = self._back_off.delay(self._errors[key], random=self._random())
            _report(key, exc, errors=self._errors[key], delay=delay)
            return delay
        self.counters.succeeded += 1
        self._errors.pop(key, None)
        return again


def _report(key: Hashable, error: Exception, *, errors: int, delay: float) -> None:
    fields = {"key": str(key), "errors": errors, "retry_seconds": round(delay, 3)}
    if isinstance(error, JethookError) and not isinstance(error, Bug):
        _log.warning("reconcile_failed", reason=error.reason, message=error.message, **fields)
    else:
        _log.error("reconcile_failed", reason="Bug", exc_info=error, **fields)
