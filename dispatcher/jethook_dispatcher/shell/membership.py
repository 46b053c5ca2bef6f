"""Run the ownership of shards over NATS: the state machine of `core/ownership.py` with a clock and a bucket.

`may_start` is asked directly before each request is written.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from jethook_contract.errors import JethookError
from jethook_contract.members import ClaimRecord, LeaseRecord
from jethook_dispatcher.core import ownership_events as events
from jethook_dispatcher.core.ownership import step
from jethook_dispatcher.core.ownership_state import NEVER, LossReason, Phase, Stage, State, Timings
from jethook_dispatcher.shell.members_bucket import MembersBucket
from jethook_dispatcher.shell.membership_connection import Link

TICK_SECONDS = 0.25
MAX_CONCURRENT_CLAIMS = 64
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipSettings:
    """Say who joins which pool.

    `member`: unique in the pool, a NATS token of letters, digits, `-` and `_` (a pod's name). A process that takes the
    name of one that may still be alive waits until that one is presumed dead. `replicas`: of the bucket, if it is
    made here. `answer_seconds`: bound of each request to NATS. `drain_seconds`: how long a shard that is handed over
    may take to end what it began.
    """

    member: str
    pool: str
    replicas: int = 1
    answer_seconds: float = 1.5
    drain_seconds: float = 20.0
    timings: Timings = field(default_factory=Timings)


class Membership:
    """Be a member of a pool.

    `links`: the connection over which leases go, then those without which nothing can be delivered: a member renews
    its lease only while all of them are there, so that another one takes over where the work is cut off. `on_gain` is
    called with each shard to work on. `on_lose` is awaited for each shard given up: for Released it returns when
    nothing is under way for the shard (it is cancelled after `drain_seconds`); for Lapsed and Fenced the shard is
    already lost, nothing waits for it, and it may come for a shard that still drains. `utilization` gives the busy
    share of the event loop in percent.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        settings: MembershipSettings,
        on_gain: Callable[[int], None],
        on_lose: Callable[[int, LossReason], Awaitable[None]],
        utilization: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._clients = [link.client for link in links]
        self._on_gain = on_gain
        self._on_lose = on_lose
        self._utilization = utilization
        self._bucket = MembersBucket(
            self._clients[0], pool=settings.pool, replicas=settings.replicas, timeout_seconds=settings.answer_seconds
        )
        self._state = State(member=settings.member, timings=settings.timings, connected=self._connected)
        self._left = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._claim_slots = asyncio.Semaphore(MAX_CONCURRENT_CLAIMS)
        self._log = log.bind(member=settings.member, pool=settings.pool)
        for link in links:
            link.hooks.disconnected.append(self._disconnected)
            link.hooks.reconnected.append(self._reconnected)

    @property
    def token(self) -> str:
        """The nonce under which this process is in the pool now; empty outside. It changes at each join."""
        return self._state.nonce

    @property
    def valid(self) -> bool:
        """Tell whether this process is in the pool by a lease that is confirmed and has not run out."""
        return self._state.in_pool() and monotonic_seconds() < self._state.valid_until

    @property
    def owned(self) -> frozenset[int]:
        """The shards for which attempts may start."""
        now = monotonic_seconds()
        return frozenset(shard for shard in self._state.holdings if self._state.may_start(shard, now=now))

    @property
    def live_members(self) -> int:
        """How many members the pool had at the last read, this one included."""
        return len({member for member, _ in self._state.live})

    def may_start(self, shard: int) -> bool:
        """Tell whether an attempt for the shard may start at this moment; costs about a microsecond."""
        return self._state.may_start(shard, now=monotonic_seconds())

    def holds(self, shard: int) -> bool:
        """Tell whether something may still be written for the shard; true also while it drains."""
        return self._state.holds(shard, now=monotonic_seconds())

    async def run(self) -> None:
        """Be a member until `leave` is done or the task is cancelled (then the lease runs out by itself)."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                try:
                    while self._state.phase is not Phase.LEFT:
                        self._apply(events.Tick(fresh_nonce=secrets.token_hex(8)))
                        await asyncio.sleep(TICK_SECONDS)
                finally:
                    self._tasks = None  # a group that ends takes no more tasks
        finally:
            self._state = replace(self._state, valid_until=NEVER)
            self._left.set()

    async def leave(self) -> None:
        """Give up all shards (each with its time to drain), then the lease; return when it is done.

        Without NATS it takes as long as the lease is valid. `run` ends by it.
        """
        if self._tasks is None:
            return
        self._apply(events.LeaveRequested())
        await self._left.wait()

    @property
    def _connected(self) -> bool:
        return all(client.is_connected for client in self._clients)

    async def _disconnected(self) -> None:
        self._apply(events.Disconnected())

    async def _reconnected(self) -> None:
        if self._connected:
            self._apply(events.Connected())

    def _apply(self, event: events.Event) -> None:
        before = self._state
        self._state, effects = step(before, event, now=monotonic_seconds())
        self._log_change(before)
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: events.Effect) -> None:
        if isinstance(effect, events.Gained):
            self._on_gain(effect.shard)
        elif self._tasks is not None:
            self._tasks.create_task(self._answer(effect))

    async def _answer(self, effect: events.Effect) -> None:
        match effect:
            case events.WriteLease():
                await self._write_lease(effect)
            case events.Read():
                await self._read(effect)
            case events.Fence():
                await self._fence(effect)
            case events.TakeClaim():
                await self._take_claim(effect)
            case events.ReleaseClaim():
                await self._release_claim(effect)
            case events.Drain():
                await self._drain(effect)
            case events.Lost():
                await self._tell_lost(effect.shard, reason=effect.reason)
            case events.Gained():
                pass

    async def _write_lease(self, effect: events.WriteLease) -> None:
        record = LeaseRecord(
            member=self._settings.member,
            nonce=effect.nonce,
            state="Left" if effect.left else "Live",
            utilization_percent=self._utilization(),
        )
        revision, failed = None, False
        try:
            revision = await self._bucket.write_lease(record, expected=effect.expected)
        except JethookError as exc:
            failed = True
            self._log.warning("lease_not_written", reason=exc.reason, message=exc.message)
        if revision is None:
            self._apply(events.LeaseNotWritten(nonce=effect.nonce, wrong_revision=not failed))
        else:
            self._apply(events.LeaseWritten(nonce=effect.nonce, sent_at=effect.sent_at, revision=revision))

    async def _read(self, effect: events.Read) -> None:
        try:
            leases, claims = await self._bucket.read(claims=effect.claims)
        except JethookError as exc:
            self._log.warning("members_not_read", reason=exc.reason, message=exc.message)
            self._apply(events.ReadFailed(number=effect.number))
        else:
            self._apply(events.ReadDone(number=effect.number, leases=leases, claims=claims))

    async def _fence(self, effect: events.Fence) -> None:
        record = effect.lease.record
        fenced = record.model_copy(update={"state": "Fenced"})
        try:
            revision = await self._bucket.write_lease(fenced, expected=effect.lease.revision)
        except JethookError as exc:
            self._log.warning("peer_not_fenced", peer=record.member, reason=exc.reason, message=exc.message)
        else:
            if revision is not None:
                self._log.warning("peer_fenced", peer=record.member, nonce=record.nonce)

    async def _take_claim(self, effect: events.TakeClaim) -> None:
        record = ClaimRecord(member=self._settings.member, nonce=effect.nonce)
        revision = await self._write_claim(effect, record=record)
        if revision is None:
            self._apply(events.ClaimNotTaken(nonce=effect.nonce, shard=effect.shard))
        else:
            self._apply(events.ClaimTaken(nonce=effect.nonce, shard=effect.shard, revision=revision))

    async def _release_claim(self, effect: events.ReleaseClaim) -> None:
        record = ClaimRecord(member=self._settings.member, nonce=effect.nonce, released=True)
        revision = await self._write_claim(effect, record=record)
        if revision is not None:
            self._apply(events.ClaimReleased(nonce=effect.nonce, shard=effect.shard, revision=revision))

    async def _write_claim(self, effect: events.TakeClaim | events.ReleaseClaim, *, record: ClaimRecord) -> int | None:
        try:
            async with self._claim_slots:
                return await self._bucket.write_claim(effect.shard, record=record, expected=effect.expected)
        except JethookError as exc:
            self._log.warning("claim_not_written", shard=effect.shard, reason=exc.reason, message=exc.message)
            return None

    async def _drain(self, effect: events.Drain) -> None:
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._tell_lost(effect.shard, reason=LossReason.RELEASED)
        except TimeoutError:
            self._log.warning("shard_not_drained", shard=effect.shard, waited_seconds=self._settings.drain_seconds)
        self._apply(events.Drained(nonce=effect.nonce, shard=effect.shard))

    async def _tell_lost(self, shard: int, *, reason: LossReason) -> None:
        try:
            await self._on_lose(shard, reason)
        except Exception:  # noqa: BLE001 -- the top of a task: a fault of a lane must not cost the pool its member
            self._log.exception("shard_loss_not_handled", shard=shard, loss=reason.value)

    def _log_change(self, before: State) -> None:
        after = self._state
        if after.phase is not before.phase:
            self._log.info("membership", phase=after.phase.value, nonce=after.nonce or before.nonce)
        if before.in_pool() and after.nonce != before.nonce and after.phase is not Phase.LEFT:
            dropped = sum(holding.stage is not Stage.RELEASING for holding in before.holdings.values())
            self._log.warning("membership_lost", nonce=before.nonce, shards=dropped)
        if after.live != before.live:
            self._log.info("members_changed", live=sorted(member for member, _ in after.live)[:50])


def monotonic_seconds() -> float:
    """Read the clock by which leases are measured: it goes on while the process is stopped or the machine sleeps."""
    return time.clock_gettime(_CLOCK)
