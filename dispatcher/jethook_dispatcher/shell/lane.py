"""A lane: one endpoint's deliveries, shared in turn by its Subscriptions (design section 6).

What may start is the gate's to say (`core/gate.py`), what is tried next the tray's of each Subscription. At most one
width is held or asked for ahead of the attempts that run. A lane works under a `Grant` and does nothing without one;
what becomes of the messages in hand when the grant ends is rule 4 of the ownership.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog
from nats.aio.msg import Msg

from jethook_contract.control import ControlAnswer
from jethook_contract.errors import Unavailable
from jethook_contract.plan import PlanPart, PlanSecrets
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.shell.lane_appetite import bytes_wanted, wanted
from jethook_dispatcher.shell.lane_gate import LaneGate
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_intake import Intake
from jethook_dispatcher.shell.lane_parked import skip_parked, tell_parked
from jethook_dispatcher.shell.lane_rest import all_rest
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_workers import Workers
from jethook_dispatcher.shell.pull import Puller

IN_PROGRESS_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Lane:
    """Deliver to one endpoint; `stirred` is called when a consumer has sent something, so that ticks are due again."""

    def __init__(self, services: LaneServices, *, namespace: str, endpoint: str, stirred: Callable[[], None]) -> None:
        self._services = services
        self._stirred = stirred
        self._sources: dict[str, Source] = {}
        self._grant: Grant | None = None
        self._draining = False
        self._active = 0
        self._loading: set[str] = set()
        self._gate = LaneGate(services, namespace=namespace, endpoint=endpoint)
        self._workers = Workers(services, may_work=self._may_work, refill=self._refill, ended=self._ended)
        self._intake = Intake(services, placed=self._workers.advance)

    @property
    def sources(self) -> Iterable[Source]:
        """Give the Subscriptions of the endpoint."""
        return self._sources.values()

    @property
    def grant(self) -> Grant | None:
        """Give the present stretch of ownership, None without one."""
        return None if self._draining else self._grant

    @property
    def empty(self) -> bool:
        """Tell whether no Subscription is left and nothing runs any more."""
        return not self._sources and not self._workers.running

    @property
    def granted(self) -> bool:
        """Tell whether the lane may work."""
        return self._grant is not None and not self._draining

    def at_rest(self, *, now: float) -> bool:
        """Tell whether a tick would find nothing to do."""
        if self.empty or self._workers.running:
            return False
        rests = not self.granted or self._gate.rests(begun=self._workers.begun)
        return rests and all_rest(self._sources.values(), granted=self.granted, now=now)

    async def put(self, part: PlanPart, *, secrets: PlanSecrets) -> None:
        """Serve a part, or another version of it; raises Invalid for one that cannot be sent."""
        source = self._sources.get(part.subscription.name)
        if source is None:
            source = Source(part, secrets=secrets, budget=self._services.budget, puller=self._puller)
            self._sources[part.subscription.name] = source
            self._workers.turns.append(source)
        elif source.shaped_as(part):
            source.update(part, secrets=secrets)
        else:
            source.form = None  # nothing starts while what is in hand goes back
            await self._quiet(source)
            source.reshape(part)
            source.update(part, secrets=secrets)
        self._gate.put(part, form=source.form)
        self._workers.serve(self._gate.gate)
        self._count_active()
        if source.form is None:
            await self._quiet(source)
        self._workers.advance()
        self._open(source)

    async def remove(self, subscription: str) -> PlanPart | None:
        """Stop serving a Subscription and give back what has not begun; gives its part, None when it is unknown."""
        source = self._sources.pop(subscription, None)
        if source is None:
            return None
        source.form = None
        self._workers.turns.remove(source)
        self._count_active()
        await self._quiet(source)
        return source.part

    def gain(self, grant: Grant) -> None:
        """Begin to work."""
        self._grant, self._draining = grant, False
        self._gate.gain(grant)
        self._workers.serve(self._gate.gate)
        for source in self._sources.values():
            source.counts, source.gathered = None, False
            self._open(source)

    def lapse(self) -> None:
        """Stop at once and say nothing: what has begun runs on, what has not is left to `ack_wait` (rule 4)."""
        if self._grant is not None:
            self._grant.end()
            self._grant = None
        self._workers.stop()
        for source in self._sources.values():
            source.drop_waiting()
            source.counts, source.gathered = None, False
            self._services.spawn(source.puller.reset())

    async def release(self, *, seconds: float) -> None:
        """Hand over: stop pulling, finish what has begun within `seconds`, give back the rest, write the records."""
        grant = self._grant
        if grant is None:
            return
        self._draining = True
        self._workers.stop()
        for source in list(self._sources.values()):
            await source.puller.drain()
        try:
            async with asyncio.timeout(seconds):
                await self._workers.idle.wait()
        except TimeoutError:
            _log.warning("attempts still run at hand-over", running=self._workers.running)
        for source in list(self._sources.values()):
            await self._give_back(source)
            if source.counts is not None and grant.holds():
                await self._services.counts.save(source.part, counts=source.counts)
        await self._gate.save()
        if self._grant is grant:
            grant.end()
            self._grant = None
            for source in list(self._sources.values()):
                source.counts, source.gathered = None, False

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
            await self._close_when_shut(source)
            await self._gather(source)
            self._open(source)
            if self.granted:
                tell_parked(source, services=self._services)
        self._workers.advance()
        if self.granted:
            await self._gate.tick(begun=self._workers.begun)

    async def save_counts(self, source: Source) -> int:
        """Write a source's counts when they changed and the shard is still held; give the size in bytes."""
        if source.counts is None or self._grant is None or not self._grant.holds():
            return 0
        return await self._services.counts.save(source.part, counts=source.counts)

    def skip(self, subscription: str, key: str) -> ControlAnswer:
        """Put the first event of a parked key to the dead letters, so that the next one of the key is tried."""
        source = self._sources.get(subscription)
        return skip_parked(source, key=key, granted=self.granted, services=self._services, ended=self._workers.advance)

    def _may_work(self) -> bool:
        return self.granted and self._gate.loaded

    def _puller(self, source: Source) -> Puller:
        async def on_message(message: Msg) -> None:
            if self._grant is not None and self._intake.take(source, message=message, grant=self._grant):
                self._workers.advance()

        async def on_room() -> None:
            await self._refill(source)

        return Puller(
            self._services.client,
            stream=source.part.stream,
            consumer=source.part.consumer,
            clock=self._services.clock,
            on_message=on_message,
            on_room=on_room,
            on_heard=self._stirred,
        )

    def _open(self, source: Source) -> None:
        """Load what must be known, then ask; does nothing while the lane or the source is not to pull."""
        if not self.granted or source.form is None:
            return
        if source.counts is not None and self._gate.loaded:
            if self._wanted(source):
                self._services.spawn(self._refill(source))
        elif source.part.subscription.name not in self._loading:
            self._loading.add(source.part.subscription.name)
            self._services.spawn(self._load(source))

    async def _load(self, source: Source) -> None:
        try:
            async with self._services.loads:
                grant = self._grant  # only now: there may be another one than when the turn was asked for
                if grant is None:
                    return
                await self._gate.load()
                counts = await self._services.counts.load(source.part)
        except Unavailable as exc:
            _log.warning("records not loaded", subscription=source.part.subscription.name, reason=exc.reason)
            return
        finally:
            self._loading.discard(source.part.subscription.name)
        if grant is self._grant and source.counts is None:
            source.counts = counts
            await self._gather(source)
            self._workers.advance()
            await self._refill(source)

    async def _gather(self, source: Source) -> None:
        """See whether an ordered source holds all that its consumer has handed out; only then it may start.

        Counted before it is asked: what comes in between can only make it wait once more.
        """
        if not source.gathering or source.counts is None or not self.granted:
            return
        in_hand, running = len(source.holding), source.running
        try:
            handed_out = await self._services.consumers.unacknowledged(source.part)
        except Unavailable:
            return
        if in_hand >= handed_out and not running and source.counts is not None:
            source.gathered = True
            self._workers.advance()

    async def _refill(self, source: Source) -> None:
        if not self.granted or not source.pullable or not self._gate.loaded or not source.puller.may_ask():
            return
        batch = self._wanted(source)
        max_bytes = self._request_bytes() if batch else 0
        if batch and max_bytes:
            await source.puller.ask(batch, max_bytes=max_bytes)

    def _wanted(self, source: Source) -> int:
        gate = self._gate.gate
        if gate is None:
            return 0
        now = self._services.clock.monotonic()
        return wanted(source, gate=gate, running=self._workers.running, subscriptions=self._active, now=now)

    def _request_bytes(self) -> int:
        return bytes_wanted(self._services.budget, held=sum(source.holding.bytes for source in self._workers.turns))

    def _count_active(self) -> None:
        self._active = sum(source.form is not None for source in self._sources.values())

    def _ended(self, outcome: Outcome | None) -> None:
        if outcome is not None and not outcome.delivered:
            self._gate.changed()

    async def _close_when_shut(self, source: Source) -> None:
        """Give back what waits when nothing may start for now, unless its order would suffer."""
        if not self.granted or not self._gate.shut or source.tray.keeps_failed:
            return
        if source.puller.asked or source.tray.waiting:
            await self._quiet(source)

    async def _quiet(self, source: Source) -> None:
        await source.puller.drain()
        await self._give_back(source)

    async def _give_back(self, source: Source) -> None:
        for held in source.drop_waiting():
            if held.grant.holds():
                source.excuse(held)
                await self._services.acks.nak(held)
