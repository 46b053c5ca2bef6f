"""Attempts that may begin together begin few in a pass of the event loop, in order; none waits for another to end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_contract.plan import PlanSecrets
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.lane_reply import Handed
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.shell.deadletters import Death
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import ByteBudget, Held
from jethook_dispatcher.shell.lane_pace import BEGIN_IN_A_PASS, Pace
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_work import Work
from jethook_dispatcher.shell.lane_workers import Workers
from tests.dispatcher.status.conftest import OK, plan_part
from tests.dispatcher.status.test_lost_shard import Member, Owner
from tests.fixtures.poll import eventually

SHARD = 7


async def test_few_begin_in_a_pass_and_all_in_the_order_of_asking() -> None:
    pace, begun = Pace(), list[int]()

    async def begin(number: int) -> None:
        await pace.turn()
        begun.append(number)
        await asyncio.Event().wait()  # it hangs: nobody waits for that

    count = 5 * BEGIN_IN_A_PASS
    tasks = [asyncio.create_task(begin(number)) for number in range(count)]
    most, passes = 0, 0
    while len(begun) < count and passes < 100:
        before = len(begun)
        await asyncio.sleep(0)
        most, passes = max(most, len(begun) - before), passes + 1
    assert (begun, most) == (list(range(count)), BEGIN_IN_A_PASS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_comes_one_by_one_never_waits() -> None:
    pace = Pace()
    for _ in range(10):
        for _ in range(BEGIN_IN_A_PASS):
            turn = pace.turn()
            try:
                turn.send(None)
            except StopIteration:
                continue
            raise AssertionError("it gave way")
        await asyncio.sleep(0)


async def test_a_turn_that_nobody_takes_any_more_goes_to_the_next() -> None:
    pace = Pace()
    for _ in range(BEGIN_IN_A_PASS):
        await pace.turn()
    left, after = asyncio.create_task(pace.turn()), [asyncio.create_task(pace.turn()) for _ in range(BEGIN_IN_A_PASS)]
    left.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert left.cancelled()
    assert all(task.done() for task in after)


class Shut(Pace):
    """Give no turn before `opened`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()

    async def turn(self) -> None:
        await self.opened.wait()


class Delivered:
    """See every parcel through at once, and count them."""

    def __init__(self) -> None:
        self.begun = 0

    async def run(self, work: Work) -> Outcome | None:
        self.begun += len(work.parcel.items)
        return OK

    async def bury(self, source: Source, *, held: Held, death: Death, stays: bool = False) -> bool:
        raise AssertionError(f"{source} {held} {death} {stays}")


async def test_no_attempt_of_a_lane_begins_without_a_turn() -> None:
    client, member, part, pace, runner = Client(), Member(), plan_part(), Shut(), Delivered()
    assert part.target is not None
    lane = member.lanes._lane((part.namespace, part.endpoint.name))
    source = Source(part, secrets=PlanSecrets(), budget=ByteBudget(10_000), puller=lane._puller)
    source.counts = AttemptCounts("")
    for sequence in (1, 2):
        held = Held(Msg(client), handed=Handed(sequence, 1, 0), grant=Grant(Owner(), shard=SHARD), now=0.0)
        item = source.item(held)
        assert item is not None
        source.tray.add(item, now=0.0)
    services = replace(member._services(client), runner=runner, pace=pace)
    workers = Workers(services, may_work=lambda: True, refill=_nothing_more, ended=lambda _: None)
    workers.serve(Gate(part.target, now=0.0))
    workers.turns.append(source)
    workers.advance()
    await asyncio.sleep(0.05)
    assert (workers.running, runner.begun) == (2, 0)
    pace.opened.set()
    await eventually(lambda: runner.begun == 2)
    await workers.idle.wait()


async def _nothing_more(source: Source) -> None:
    assert source.running
