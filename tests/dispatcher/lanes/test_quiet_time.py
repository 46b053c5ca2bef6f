"""How long a quiet Subscription may go unlooked at, and a lost request unnoticed: with a clock that is moved on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from nats.aio.msg import Msg
from nats.js.api import DeliverPolicy

from jethook_contract import names
from jethook_contract.members import shard_of
from jethook_contract.plan import PlanPart, PlanSecrets, SigningKey, State
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.handshake import HandshakeResult
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.request import AskingRequest
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.gate_store import GateRecords
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_background import Background
from jethook_dispatcher.shell.lane_backlog import Consumers
from jethook_dispatcher.shell.lane_held import ByteBudget, Held
from jethook_dispatcher.shell.lane_reports import BacklogReport, GateNote
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_suspects import Suspects
from jethook_dispatcher.shell.lane_work import Work
from jethook_dispatcher.shell.lanes import Lanes, LanesSettings
from jethook_dispatcher.shell.plan import PlanEntry
from jethook_dispatcher.shell.status import StatusReporter
from jethook_dispatcher.shell.status_bucket import StatusBucket
from jethook_dispatcher.shell.trials import Trials
from tests.dispatcher.lanes.world import SIGNING_KEY, World
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

NOWHERE = "http://127.0.0.1:9/hook"
POLL_SECONDS = 0.05


class MovedClock(Clock):
    """The real clock, `ahead` of itself by what it was moved on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:  # type: ignore[override] # a static method in the real one
        return Clock.monotonic() + self.ahead


class CountsOfOne:
    """Know of attempts for the first event, and remember how many events there were at the last write."""

    def __init__(self) -> None:
        self.saved: int | None = None

    async def load(self, part: PlanPart) -> AttemptCounts:
        return AttemptCounts(part.stream, attempts=[(1, 3)])

    async def save(self, part: PlanPart, *, counts: AttemptCounts) -> int:
        self.saved, counts.changed = len(counts), False
        return len(part.stream)


class NothingToDo:
    """Own every shard, send nothing, ask nobody."""

    def may_start(self, shard: int) -> bool:
        return shard >= 0

    def holds(self, shard: int) -> bool:
        return shard >= 0

    async def ask(self, request: AskingRequest, *, requests_per_second: int | None) -> HandshakeResult:
        raise AssertionError(f"{request} asked at {requests_per_second}")

    async def run(self, work: Work) -> Outcome | None:
        raise AssertionError(f"{work.source.part.subscription.name} {work.attempt}")

    async def bury(self, source: Source, *, held: Held, death: Death, stays: bool = False) -> bool:
        raise AssertionError(f"{source.part.subscription.name} {held.handed.sequence} {death.reason} {stays}")


class Reports(StatusReporter):
    """Remember how often each Subscription was looked at, what waited for it then, and which gates were told of."""

    def __init__(self, world: World, *, clock: Clock) -> None:
        super().__init__(StatusBucket(world.js, pool="default"), clock=clock, holds=lambda _: True, share=lambda: 1.0)
        self.looks: Counter[str] = Counter()
        self.pending: dict[str, int] = {}
        self.gates: set[str] = set()

    def gate(self, note: GateNote) -> None:
        self.gates.add(note.endpoint)

    def backlog(self, report: BacklogReport) -> None:
        self.looks[report.part.subscription.name] += 1
        self.pending[report.part.subscription.name] = report.pending


class Member:
    """The lanes of a process that owns all, and what they report; `asked` counts pull requests by consumer."""

    def __init__(self, world: World) -> None:
        self.clock, self.background, self.asked = MovedClock(), Background(), Counter[str]()
        self.reports, self.counts = Reports(world, clock=self.clock), CountsOfOne()
        self._world = world
        self.lanes = Lanes(
            self._services(),
            ownership=NothingToDo(),
            reporter=self.reports,
            jetstream=world.js,
            settings=LanesSettings(poll_seconds=POLL_SECONDS),
            before_release=_nothing,
        )

    async def serve(self, part: PlanPart, *, state: State) -> None:
        """Take a part into the plan and begin to work for it."""
        active = state == "Active"
        part = part if active else part.model_copy(update={"state": state, "target": None, "sealed": ""})
        secrets = PlanSecrets(signing=(SigningKey(keys=(SIGNING_KEY,)),)) if active else PlanSecrets()
        key = names.plan_key(part.namespace, part.endpoint.name, part.subscription.name)
        await self.lanes.put(key, PlanEntry(part=part, secrets=secrets))
        self.lanes.gain(shard_of(part.namespace, part.endpoint.name))

    async def hear(self, message: Msg) -> None:
        """Count a pull request."""
        self.asked[message.subject.rpartition(".")[2]] += 1

    async def rounds(self, *, of: str) -> None:
        """Wait until some rounds have gone by; `of` is looked at in each."""
        wanted = self.reports.looks[of] + 10
        await eventually(lambda: self.reports.looks[of] >= wanted)

    def _services(self) -> LaneServices:
        client, js, acks, nothing = self._world.client, self._world.js, Acks(self._world.client), NothingToDo()
        trials = Trials(js, pool="default", spawn=self.background.spawn)
        return LaneServices(
            client=client,
            clock=self.clock,
            runner=nothing,
            consent=nothing,
            counts=self.counts,
            gates=GateRecords(js, pool="default"),
            consumers=Consumers(js),
            reporter=self.reports,
            acks=acks,
            budget=ByteBudget(1024 * 1024),
            suspects=Suspects(trials, runner=nothing, acks=acks, clock=self.clock),
            spawn=self.background.spawn,
        )


async def _nothing(shard: int) -> None:
    raise AssertionError(f"shard {shard} was not to be given up")


@pytest.fixture
async def member(world: World) -> AsyncIterator[Member]:
    made = Member(world)
    listening = await world.client.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=made.hear)
    running = asyncio.create_task(made.lanes.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await made.background.close()
    await listening.unsubscribe()


async def test_each_is_looked_at_once_a_minute_whatever_its_stream_says(world: World, member: Member) -> None:
    keeper = await world.subscribe("keeper", url=NOWHERE)
    await world.publish(5)
    calm = await world.subscribe("calm", url=NOWHERE)
    for part in (keeper, calm):
        await member.serve(part, state="Suspended")
    await eventually(lambda: member.reports.pending.get("calm") == 0)
    await member.rounds(of="keeper")
    config = (await world.js.consumer_info(calm.stream, calm.consumer)).config
    await world.js.delete_consumer(calm.stream, calm.consumer)
    config.deliver_policy = DeliverPolicy.ALL
    await world.js.add_consumer(calm.stream, config)
    member.clock.ahead = 30.0
    await member.rounds(of="keeper")
    assert member.reports.pending == {"keeper": 5, "calm": 0}
    member.clock.ahead = 60.0
    await eventually(lambda: member.reports.pending == {"keeper": 5, "calm": 5})


async def test_a_consumer_that_is_made_anew_is_looked_at_though_its_stream_stands_still(
    world: World, member: Member
) -> None:
    keeper = await world.subscribe("keeper", url=NOWHERE, endpoint="other")
    await world.publish(1)
    calm = await world.subscribe("calm", url=NOWHERE)
    await member.serve(keeper, state="Suspended")
    await member.serve(calm, state="Active")
    await eventually(lambda: member.reports.looks["calm"])
    member.clock.ahead = 60.0
    await member.rounds(of="keeper")
    before = member.reports.looks["calm"]
    await member.rounds(of="keeper")
    assert member.reports.looks["calm"] == before > 1
    config = (await world.js.consumer_info(calm.stream, calm.consumer)).config
    await world.js.delete_consumer(calm.stream, calm.consumer)
    await world.js.add_consumer(calm.stream, config)
    await eventually(lambda: member.reports.looks["calm"] > before)


async def test_a_request_that_the_server_has_lost_is_made_anew_by_a_lane_at_rest(world: World, member: Member) -> None:
    part = await world.subscribe("calm", url=NOWHERE)
    await member.serve(part, state="Active")
    await eventually(lambda: member.reports.gates and member.asked[part.consumer])
    assert member.asked[part.consumer] == 1
    member.clock.ahead = 36.0
    await eventually(lambda: member.asked[part.consumer] == 2)


async def test_counts_that_change_while_a_lane_is_at_rest_are_written(world: World, member: Member) -> None:
    part = await world.subscribe("calm", url=NOWHERE)
    await world.publish(1)
    elsewhere = await world.handed_out("calm", seconds=5)
    assert elsewhere is not None
    await member.serve(part, state="Active")
    await eventually(lambda: member.reports.gates)
    for _ in range(5):
        await member.rounds(of="calm")
    assert member.counts.saved is None
    await elsewhere.ack()
    await eventually(lambda: member.counts.saved == 0)
