"""Whether this process works or stands by: the election by Lease, driven against the API server.

Everything that changes something outside asks `fence` directly before it does: a process that was stopped for a minute
and goes on must not finish what it began. The kubernetes package has an election too, and it is not used: it compares
times of day, bounds no request, and goes on for ever while one of them hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from jethook_contract.errors import Unavailable
from jethook_operator.core.election import (
    Candidate,
    Lease,
    Lost,
    Read,
    Wait,
    Write,
    failed,
    next_step,
    read,
    released,
    wrote,
)
from jethook_operator.shell.clock import utc_now

_IDENTITY_BYTES = 4
_MOST_IDENTITY = 200
_log = structlog.get_logger(__name__)


class Leadership(Protocol):
    """Tell whether this process may change anything."""

    @property
    def leads(self) -> bool:
        """Tell whether it may at this moment."""

    @property
    def answered_at(self) -> float:
        """Tell when the election last heard from the API server, monotonic seconds; minus infinity for never."""

    def fence(self) -> None:
        """Raise Unavailable `NotLeading` unless it leads at this moment."""

    async def gained(self) -> None:
        """Wait until it leads."""

    async def run(self) -> None:
        """Take part in the election until cancelled; raise Unavailable `LeaseLost` when the process has to end."""

    async def release(self) -> None:
        """Let another lead; never raises. Called when `run` has been cancelled and all work has ended."""


class Alone:
    """No election: this process leads from its start to its end."""

    leads = True
    answered_at = -math.inf

    def fence(self) -> None:
        """Let everything through."""

    async def gained(self) -> None:
        """Lead at once."""

    async def run(self) -> None:
        """Rest."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Leave nothing behind."""


class Leases(Protocol):
    """Where the Lease is kept; `LeaseStore` is one."""

    async def read(self) -> tuple[Lease | None, str]:
        """Give it and its version, None when there is none; raise Unavailable."""

    async def write(self, step: Write) -> str:
        """Write it over the version that the step names, give the new version; raise Unavailable."""


class LeaseLeadership:
    """Lead as long as the Lease is held; `candidate` holds identity and durations."""

    def __init__(
        self,
        leases: Leases,
        *,
        candidate: Candidate,
        clock: Callable[[], float] | None = None,
        today: Callable[[], datetime] = utc_now,
    ) -> None:
        self._leases = leases
        self._candidate = candidate
        self._clock = clock or boot_time
        self._today = today
        self._gained = asyncio.Event()
        self._trouble = ""
        self.answered_at = -math.inf

    @property
    def leads(self) -> bool:
        """Tell whether it holds the Lease at this moment, by its own clock."""
        return self._candidate.leads(self._clock())

    def fence(self) -> None:
        """Raise Unavailable `NotLeading` unless it leads at this moment."""
        if not self.leads:
            raise Unavailable("NotLeading", "this process does not hold the lease; another one may be at work")

    async def gained(self) -> None:
        """Wait until it leads."""
        await self._gained.wait()

    async def run(self) -> None:
        """Look, take, renew; raise Unavailable `LeaseLost` once the Lease cannot be counted on any more."""
        _log.info("standing_by", identity=self._candidate.identity)
        while True:
            step = next_step(self._candidate, now=self._clock(), today=self._today())
            if isinstance(step, Lost):
                raise Unavailable("LeaseLost", f"the lease is lost: {step.reason}; the process must be started anew")
            if isinstance(step, Wait):
                await asyncio.sleep(max(0.0, self._bounded(step.until) - self._clock()))
            else:
                await self._carry_out(step)

    async def release(self) -> None:
        """Clear the holder, so that another takes over with its next look; a try, bounded like each request."""
        self._candidate, write = released(self._candidate, now=self._clock())
        if write is None:
            return
        with contextlib.suppress(Unavailable, TimeoutError):  # the others wait for the end of the lease then
            async with asyncio.timeout(self._candidate.settings.request_seconds):
                await self._write_released(write)
            _log.info("lease_released", identity=self._candidate.identity)

    async def _write_released(self, write: Write) -> None:
        try:
            await self._leases.write(write)
        except Unavailable as exc:
            if exc.reason != "Conflict":
                raise
            lease, version = await self._leases.read()  # perhaps a renewal of ours whose answer nobody waited for
            if lease is not None and lease.holder == self._candidate.identity:
                await self._leases.write(Write(write.lease, version))

    async def _carry_out(self, step: Read | Write) -> None:
        sent_at = self._clock()
        seconds = self._bounded(sent_at + self._candidate.settings.request_seconds) - sent_at
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._ask(step, sent_at=sent_at)
        except TimeoutError:
            self._note_trouble("TimedOut", message="the API server did not answer in time")
            self._candidate = failed(self._candidate, conflict=False, now=self._clock())
        except Unavailable as exc:
            gone = exc.reason == "NotFound" and isinstance(step, Write) and bool(step.version)
            conflict = gone or exc.reason == "Conflict"
            if not conflict:
                self._note_trouble(exc.reason, message=exc.message)
            self._candidate = failed(self._candidate, conflict=conflict, now=self._clock())
        else:
            self.answered_at = time.monotonic()
            self._trouble = ""

    async def _ask(self, step: Read | Write, *, sent_at: float) -> None:
        if isinstance(step, Read):
            lease, version = await self._leases.read()
            self._candidate = read(
                self._candidate,
                lease,
                version=version,
                now=self._clock(),
                random=random.random(),  # noqa: S311 -- spreads load, guards nothing
            )
            return
        version = await self._leases.write(step)
        self._candidate = wrote(self._candidate, step.lease, version=version, sent_at=sent_at)
        if self.leads and not self._gained.is_set():
            _log.info("leading", identity=self._candidate.identity, transitions=step.lease.transitions)
            self._gained.set()

    def _bounded(self, until: float) -> float:
        """Bound a time by the end of what it holds, so that a loss is noticed when it happens."""
        end = self._candidate.valid_until
        return until if end is None else min(until, end)

    def _note_trouble(self, reason: str, *, message: str) -> None:
        if reason != self._trouble:  # said once, not with every try
            cure = "grant get, create and update on leases in the operator's namespace to this account"
            other = "none needed when it passes"
            _log.warning("lease_failed", reason=reason, message=message, cure=cure if reason == "Forbidden" else other)
        self._trouble = reason


def boot_time() -> float:
    """Give seconds that pass also while the machine sleeps: who was suspended has not held a lease meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def default_identity() -> str:
    """Name this process: its Pod or host, and a random part, since a restarted container is another candidate."""
    name = os.environ.get("POD_NAME") or socket.gethostname()
    return f"{name[:_MOST_IDENTITY]}_{secrets.token_hex(_IDENTITY_BYTES)}"
