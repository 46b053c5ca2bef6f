"""A lane: one endpoint's deliveries, `maxInFlight` at a time, shared in turn by its Subscriptions (design section 6).

At most one width is held or asked for ahead of the attempts that run. A lane works under a `Grant` and does nothing
without one; what becomes of the messages in hand when the grant ends is rule 4 of the ownership.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from jethook_contract.errors import JethookError, Unavailable
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_dispatcher.core.lane_reply import read_reply
from jethook_dispatcher.core.lane_room import MIN_REQUEST_BYTES, request_bytes, to_ask
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import Held
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.pull import Puller

IN_PROGRESS_SECONDS = 10.0
OVERRUN_DELAY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Lane:
    """Deliver to one endpoint; `width` attempts at a time at most."""

    def __init__(self, services: LaneServices) -> None:
        self.width = 1
        self.running = 0
        self._services = services
        self._sources: dict[str, Source] = {}
        self._turns: deque[Source] = deque()
        self._grant: Grant | None = None
        self._draining = False
        self._active = 0
        self._loading: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def sources(self) -> Iterable[Source]:
        """Give the Subscriptions of the endpoint."""
        return self._sources.values()

    @property
    def empty(self) -> bool:
        """Tell whether no Subscription is left and nothing runs any more."""
        return not self._sources and not self.running

    @property
    def granted(self) -> bool:
        """Tell whether the lane may work."""
        return self._grant is not None and not self._draining

    async def put(self, part: PlanPart, *, secrets: PlanSecrets) -> None:
        """Serve a part, or another version of it; raises Invalid for one that cannot be sent."""
        source = self._sources.get(part.subscription.name)
        if source is None:
            source = Source(part, secrets=secrets, budget=self._services.budget, puller=self._puller)
            self._sources[part.subscription.name] = source
            self._turns.append(source)
        else:
            source.update(part, secrets=secrets)
        if part.target is not None:
            self.width = part.target.limits.max_in_flight
        self._count_active()
        if source.form is None:
            await self._quiet(source)
        self._start_workers()
        self._open(source)

    async def remove(self, subscription: str) -> PlanPart | None:
        """Stop serving a Subscription and give back what has not begun; gives its part, None when it is unknown."""
        source = self._sources.pop(subscription, None)
        if source is None:
            return None
        source.form = None
        self._turns.remove(source)
        self._count_active()
        await self._quiet(source)
        return source.part

    def gain(self, grant: Grant) -> None:
        """Begin to work."""
        self._grant, self._draining = grant, False
        for source in self._sources.values():
            source.counts = None
            self._open(source)

    def lapse(self) -> None:
        """Stop at once and say nothing: what has begun runs on, what has not is left to `ack_wait` (rule 4)."""
        if self._grant is not None:
            self._grant.end()
            self._grant = None
        for source in self._sources.values():
            source.holding.drop_waiting()
            source.counts = None
            self._services.spawn(source.puller.reset())

    async def release(self, *, seconds: float) -> None:
        """Hand over: stop pulling, finish what has begun within `seconds`, give back the rest, write the counts."""
        grant = self._grant
        if grant is None:
            return
        self._draining = True
        for source in list(self._sources.values()):
            await source.puller.drain()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("attempts still run at hand-over", running=self.running)
        for source in list(self._sources.values()):
            await self._give_back(source)
            if source.counts is not None and grant.holds():
                await self._services.counts.save(source.part, counts=source.counts)
        if self._grant is grant:
            grant.end()
            self._grant = None
            for source in list(self._sources.values()):
                source.counts = None

    async def reconnected(self) -> None:
        """Ask anew: the server has forgotten what was asked for before."""
        for source in list(self._sources.values()):
            await source.puller.reset()
            self._open(source)

    async def tick(self) -> None:
        """Keep what is held long, and try again what could not be asked for. To be called each second."""
        old = self._services.clock.monotonic() - IN_PROGRESS_SECONDS
        for source in list(self._sources.values()):
            for held in [held for held in source.holding if held.touched_at < old]:
                if held.started or held.grant.holds():
                    held.touched_at = self._services.clock.monotonic()
                    await self._services.acks.in_progress(held)
            await source.puller.reset_when_late()
            self._open(source)

    async def save_counts(self, source: Source) -> int:
        """Write a source's counts when they changed and the shard is still held; give the size in bytes."""
        if source.counts is None or self._grant is None or not self._grant.holds():
            return 0
        return await self._services.counts.save(source.part, counts=source.counts)

    def _puller(self, source: Source) -> Puller:
        async def on_message(message: Msg) -> None:
            self._take_in(source, message)

        async def on_room() -> None:
            await self._refill(source)

        return Puller(
            self._services.client,
            stream=source.part.stream,
            consumer=source.part.consumer,
            clock=self._services.clock,
            on_message=on_message,
            on_room=on_room,
        )

    def _take_in(self, source: Source, message: Msg) -> None:
        if self._grant is None:
            return
        now = self._services.clock.monotonic()
        held = Held(message, handed=read_reply(message.reply), grant=self._grant, now=now)
        if self._services.budget.overrun and len(source.holding):
            self._services.spawn(self._services.acks.nak(held, delay_seconds=OVERRUN_DELAY_SECONDS))
        elif source.holding.add(held):
            self._start_workers()

    def _open(self, source: Source) -> None:
        """Load what must be known, then ask; does nothing while the lane or the source is not to pull."""
        if not self.granted or source.form is None:
            return
        if source.counts is not None:
            if self._wanted(source):
                self._services.spawn(self._refill(source))
        elif source.part.subscription.name not in self._loading:
            self._loading.add(source.part.subscription.name)
            self._services.spawn(self._load(source))

    async def _load(self, source: Source) -> None:
        grant = self._grant
        try:
            counts = await self._services.counts.load(source.part)
        except Unavailable as exc:
            _log.warning("attempt counts not loaded", subscription=source.part.subscription.name, reason=exc.reason)
            return
        finally:
            self._loading.discard(source.part.subscription.name)
        if grant is not None and grant is self._grant and source.counts is None:
            source.counts = counts
            await self._refill(source)

    async def _refill(self, source: Source) -> None:
        if not self.granted or not source.pullable or not source.puller.may_ask():
            return
        batch = self._wanted(source)
        max_bytes = self._request_bytes()
        if batch and max_bytes:
            await source.puller.ask(batch, max_bytes=max_bytes)

    def _request_bytes(self) -> int:
        """Give a lane a quarter of the process's bytes at most, and always a little to one that holds nothing."""
        budget, held = self._services.budget, sum(source.holding.bytes for source in self._turns)
        room = request_bytes(min(budget.room, budget.limit // 4 - held))
        return room if held else max(MIN_REQUEST_BYTES, room)

    def _wanted(self, source: Source) -> int:
        return to_ask(
            self.width,
            subscriptions=self._active,
            running=self.running,
            waiting=source.holding.waiting,
            asked=source.puller.asked,
        )

    def _count_active(self) -> None:
        self._active = sum(source.form is not None for source in self._sources.values())

    def _start_workers(self) -> None:
        if self.running >= self.width:
            return
        waiting = sum(source.holding.waiting for source in self._turns)
        for _ in range(min(self.width - self.running, waiting)):
            self.running += 1
            self._idle.clear()
            self._services.spawn(self._work())

    async def _work(self) -> None:
        try:
            while (turn := self._next()) is not None:
                await self._see_through(*turn)
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    def _next(self) -> tuple[Source, Held] | None:
        if not self.granted or self.running > self.width:
            return None
        for _ in range(len(self._turns)):
            source = self._turns[0]
            self._turns.rotate(-1)
            held = source.holding.take() if source.pullable else None
            if held is not None:
                return source, held
        return None

    async def _see_through(self, source: Source, held: Held) -> None:
        try:
            if self._wanted(source):
                await self._refill(source)
            await self._services.runner.run(source, held=held)
        except (JethookError, NatsError) as exc:
            # Not answered, so ack_wait gives the event back.
            _log.warning("event not seen through", sequence=held.handed.sequence, error=type(exc).__name__)
        except Exception:  # noqa: BLE001 -- the top of a task: one event must not cost the lane a place
            _log.exception("event not seen through", sequence=held.handed.sequence)
        finally:
            source.holding.drop(held)

    async def _quiet(self, source: Source) -> None:
        await source.puller.drain()
        await self._give_back(source)

    async def _give_back(self, source: Source) -> None:
        for held in source.holding.drop_waiting():
            if held.grant.holds():
                await self._services.acks.nak(held)
