"""Only the owner of a shard writes its records; one that lost it, or got it back, knows which it is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from jethook_contract.errors import Unavailable
from jethook_contract.members import shard_of
from jethook_contract.plan import PlanPart
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.handshake import HandshakeResult
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import AskingRequest
from jethook_dispatcher.core.tracked import ObjectKey
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.gate_store import GateRecords
from jethook_dispatcher.shell.kube_status import KubeStatusWriter
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_backlog import Consumers
from jethook_dispatcher.shell.lane_held import ByteBudget, Held
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_suspects import Suspects
from jethook_dispatcher.shell.lane_work import Work
from jethook_dispatcher.shell.lanes import Lanes, LanesSettings
from jethook_dispatcher.shell.plan import PlanEntry
from jethook_dispatcher.shell.status import StatusReporter
from jethook_dispatcher.shell.trials import Trials
from tests.dispatcher.status.conftest import OK, ManualClock, attempt, plan_part
from tests.fixtures.poll import eventually

PART = plan_part()
KEY = "shop.crm.orders-to-crm"
SHARD = shard_of("shop", "crm")
UIDS = {"WebhookEndpoint": "e-1", "Subscription": "s-1"}


class Store:
    """Keep what is saved; while `contested`, a save waits for `gate` and finds that another wrote in between."""

    def __init__(self) -> None:
        self.saved: list[StatusRecord] = []
        self.contested = False
        self.asked = 0
        self.gate = asyncio.Event()

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:
        found = [record for record in self.saved if (record.kind, record.namespace, record.name) == key]
        return (found[-1] if found else None), len(found)

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:
        self.asked += 1
        if self.contested:
            await self.gate.wait()
            return None
        self.saved.append(record)
        return revision + 1


class Api:
    """An API server that can be away; it remembers what was applied, and what was tried."""

    def __init__(self) -> None:
        self.away = True
        self.trials: list[tuple[str, str]] = []
        self.applied: list[tuple[str, str]] = []

    async def apply_status(
        self, kind: str, *, namespace: str, name: str, status: Mapping[str, object], dry_run: str | None = None
    ) -> str:
        if self.away:
            raise Unavailable("APIServerUnreachable", "away")
        assert namespace == "shop"
        assert "delivery" in status
        (self.trials if dry_run else self.applied).append((kind, name))
        return UIDS[kind]


class Owner:
    """Own every shard for as long as `owned`."""

    def __init__(self) -> None:
        self.owned = True

    def may_start(self, shard: int) -> bool:
        return self.holds(shard)

    def holds(self, shard: int) -> bool:
        return self.owned and shard >= 0


class Counts:
    """Keep the counts of each stream."""

    def __init__(self) -> None:
        self._kept: dict[str, AttemptCounts] = {}

    async def load(self, part: PlanPart) -> AttemptCounts:
        return self._kept.setdefault(part.stream, AttemptCounts(part.stream))

    async def save(self, part: PlanPart, *, counts: AttemptCounts) -> int:
        self._kept[part.stream] = counts
        return len(counts)


class NoConsent:
    """Nobody is asked."""

    async def ask(self, request: AskingRequest, *, requests_per_second: int | None) -> HandshakeResult:
        raise AssertionError(f"{request} asked at {requests_per_second}")


class NoRunner:
    """Have nothing to run: nothing is pulled over a client that is not connected."""

    async def run(self, work: Work) -> Outcome | None:
        raise AssertionError(f"{work.source.part.subscription.name} {work.attempt}")

    async def bury(self, source: Source, *, held: Held, death: Death, stays: bool = False) -> bool:
        raise AssertionError(f"{source.part.subscription.name} {held.handed.sequence} {death.reason} {stays}")


class Member:
    """A member's lanes and reports, without a server; `before_release` is the moment before a shard goes."""

    def __init__(self) -> None:
        self.clock, self.store, self.owner = ManualClock(), Store(), Owner()
        self.released, self.may_release = asyncio.Event(), asyncio.Event()
        self.reporter = StatusReporter(self.store, clock=self.clock, holds=self.owner.holds, share=lambda: 1.0)
        self._tasks: set[asyncio.Task[None]] = set()
        client = Client()
        self.lanes = Lanes(
            self._services(client),
            ownership=self.owner,
            reporter=self.reporter,
            jetstream=JetStreamContext(client),
            settings=LanesSettings(),
            before_release=self._before_release,
        )

    async def delivered(self) -> int:
        """Report one success, write it, and give what the newest record says; 0 without any record."""
        self.reporter.attempted(attempt(PART, OK, clock=self.clock))
        await self.reporter.flush()
        return self.store.saved[-1].delivery.delivered if self.store.saved else 0

    async def _before_release(self, shard: int) -> None:
        assert shard == SHARD
        self.released.set()
        await self.may_release.wait()

    def _services(self, client: Client) -> LaneServices:
        return LaneServices(
            client=client,
            clock=self.clock,
            runner=NoRunner(),
            counts=Counts(),
            consent=NoConsent(),
            gates=GateRecords(client.jetstream(), pool="default"),
            consumers=Consumers(client.jetstream()),
            reporter=self.reporter,
            acks=Acks(client),
            budget=ByteBudget(10),
            suspects=Suspects(
                Trials(client.jetstream(), pool="default", spawn=self._spawn),
                runner=NoRunner(),
                acks=Acks(client),
                clock=self.clock,
            ),
            spawn=self._spawn,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))


@pytest.mark.parametrize(
    ("owned", "expected"), [(True, [("Subscription", "orders-to-crm"), ("WebhookEndpoint", "crm")]), (False, [])]
)
async def test_what_waited_for_the_api_server_is_shown_by_the_owner_only(
    owned: bool,  # noqa: FBT001 -- a table
    expected: list[tuple[str, str]],
) -> None:
    clock, api, owner = ManualClock(), Api(), Owner()
    writer = KubeStatusWriter(api, clock=clock, holds=owner.holds, share=lambda: 1.0)
    reporter = StatusReporter(Store(), clock=clock, holds=owner.holds, share=lambda: 1.0, sink=writer)
    reporter.part_changed(PART)
    await reporter.flush()
    await writer.flush(shard=SHARD)
    assert api.applied == []
    owner.owned, api.away = owned, False
    await writer.flush(shard=SHARD)
    assert sorted(api.applied) == expected
    owner.owned = True
    await writer.flush(shard=SHARD)
    assert len(api.applied) == len(api.trials) == len(expected), "a record was kept for later"


async def test_a_part_that_goes_while_another_writes_its_record_leaves_nothing_due() -> None:
    store, clock = Store(), ManualClock()
    store.contested = True
    reporter = StatusReporter(store, clock=clock, holds=lambda _: True, share=lambda: 1.0)
    reporter.part_changed(PART)
    writing = asyncio.create_task(reporter.flush())
    await eventually(lambda: store.asked == 2)
    reporter.part_gone(PART)
    store.gate.set()
    await writing
    assert reporter.at_rest
    await reporter.flush(shard=SHARD)
    assert store.asked == 2


@pytest.mark.parametrize("regained", [False, True], ids=["given-up", "regained"])
async def test_a_release_that_ends_late_silences_a_shard_only_when_it_is_still_gone(regained: bool) -> None:  # noqa: FBT001 -- a table
    member = Member()
    member.lanes.gain(SHARD)
    await member.lanes.put(KEY, PlanEntry(part=PART))
    assert await member.delivered() == 1
    releasing = asyncio.create_task(member.lanes.release(SHARD))
    await member.released.wait()
    member.lanes.lapse(SHARD)
    if regained:
        member.lanes.gain(SHARD)
    member.may_release.set()
    await releasing
    assert await member.delivered() == (2 if regained else 1)
