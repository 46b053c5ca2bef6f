"""What thousands of Subscriptions that are gained at once ask of NATS: a few at a time, and nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from jethook_contract import names
from jethook_contract.errors import Unavailable
from jethook_contract.members import SHARD_COUNT
from jethook_contract.plan import PlanPart, PlanSecrets, SigningKey
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.shell.attempt_counts import AttemptCountStore
from jethook_dispatcher.shell.lane_services import LOADS_AT_ONCE, LaneServices
from jethook_dispatcher.shell.plan import PlanEntry
from tests.dispatcher.lanes.test_quiet_time import Member
from tests.dispatcher.lanes.world import SIGNING_KEY, World
from tests.dispatcher.status.conftest import plan_part
from tests.fixtures.poll import eventually

pytestmark = pytest.mark.component

COUNT = 3 * LOADS_AT_ONCE


class SlowCounts:
    """Answer when `patience` is given; `under_way` now, `most` at once, `loaded` in all."""

    def __init__(self) -> None:
        self.patience = asyncio.Event()
        self.under_way = self.most = self.loaded = 0

    async def load(self, part: PlanPart) -> AttemptCounts:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.patience.wait()
        self.under_way -= 1
        self.loaded += 1
        return AttemptCounts(part.stream)

    async def save(self, part: PlanPart, *, counts: AttemptCounts) -> int:
        raise AssertionError(f"nothing of {part.subscription.name} changed: {counts}")


class Loading(Member):
    """A member whose counts are slow."""

    def __init__(self, world: World) -> None:
        self.slow = SlowCounts()
        super().__init__(world)

    def _services(self) -> LaneServices:
        return replace(super()._services(), counts=self.slow)

    async def plan(self, count: int) -> None:
        """Take so many endpoints with a Subscription each into the plan."""
        secrets = PlanSecrets(signing=(SigningKey(keys=(SIGNING_KEY,)),))
        for number in range(count):
            part = plan_part(endpoint=f"e{number}", subscription=f"s{number}")
            key = names.plan_key(part.namespace, part.endpoint.name, part.subscription.name)
            await self.lanes.put(key, PlanEntry(part=part, secrets=secrets))


@pytest.fixture
async def member(world: World) -> AsyncIterator[Loading]:
    made = Loading(world)
    await made.plan(COUNT)
    for shard in range(SHARD_COUNT):
        made.lanes.gain(shard)
    await eventually(lambda: made.slow.under_way == LOADS_AT_ONCE)
    yield made
    made.slow.patience.set()
    await made.background.close()


async def test_all_are_loaded_in_the_end_and_few_at_once(member: Loading) -> None:
    member.slow.patience.set()
    await eventually(lambda: member.slow.loaded == COUNT)
    assert member.slow.most == LOADS_AT_ONCE


async def test_those_that_wait_when_their_shard_is_lost_are_not_loaded(member: Loading) -> None:
    for shard in range(SHARD_COUNT):
        member.lanes.lapse(shard)
    member.slow.patience.set()
    await eventually(lambda: member.slow.under_way == 0)
    for shard in range(SHARD_COUNT):
        member.lanes.gain(shard)
    await eventually(lambda: member.slow.loaded == LOADS_AT_ONCE + COUNT)


class CountedQuestions(JetStreamContext):
    """Count the questions about streams."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.asked: Counter[str] = Counter()

    async def stream_info(self, name: str, *args: Any, **options: Any) -> StreamInfo:
        self.asked[name] += 1
        return await super().stream_info(name, *args, **options)


class Nobody:
    token = "nobody"


async def test_a_stream_is_asked_once_for_all_that_load_at_that_moment(world: World) -> None:
    jetstream = CountedQuestions(world.client)
    store = AttemptCountStore(jetstream, pool="default", nonce=Nobody())
    parts = [plan_part(subscription=f"s{number}").model_copy(update={"stream": _stream()}) for number in range(20)]
    first = await asyncio.gather(*map(store.load, parts))
    assert jetstream.asked[_stream()] == 1
    assert len({counts.stream_created for counts in first}) == 1
    await store.load(parts[0])
    assert jetstream.asked[_stream()] == 2, "an answer that came stands for nothing later"


async def test_a_missing_stream_is_told_to_all_that_ask(world: World) -> None:
    store = AttemptCountStore(world.js, pool="default", nonce=Nobody())
    parts = [plan_part(subscription=f"s{number}").model_copy(update={"stream": "GONE"}) for number in range(3)]
    found = await asyncio.gather(*map(store.load, parts), return_exceptions=True)
    assert [one.reason for one in found if isinstance(one, Unavailable)] == ["NoStream"] * 3


async def test_who_no_longer_waits_takes_the_answer_from_nobody(world: World) -> None:
    store = AttemptCountStore(world.js, pool="default", nonce=Nobody())
    part = plan_part().model_copy(update={"stream": _stream()})
    impatient, patient = asyncio.create_task(store.load(part)), asyncio.create_task(store.load(part))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).stream_created
    with pytest.raises(asyncio.CancelledError):
        await impatient


def _stream() -> str:
    return names.events_stream("shop")
