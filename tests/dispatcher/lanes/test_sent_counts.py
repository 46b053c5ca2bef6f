"""What was sent counts for the endpoint's gate, whatever goes wrong afterwards with the events that it carried."""

from dataclasses import dataclass, replace

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_contract.errors import Unavailable
from jethook_contract.plan import PlanSecrets
from jethook_contract.target import BreakerPolicy
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.lane_reply import Handed
from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.shell.attempts import AttemptLog
from jethook_dispatcher.shell.deadletters import DeadLetters
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_attempt import AttemptRunner, Sender
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import ByteBudget, Held
from jethook_dispatcher.shell.lane_log import LoggedReports
from jethook_dispatcher.shell.lane_reports import AttemptReport, Reporter
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_workers import Workers
from jethook_dispatcher.shell.ulid import Ulids
from tests.dispatcher.lanes.world import event
from tests.dispatcher.status.conftest import LATE, ManualClock, plan_part
from tests.dispatcher.status.test_lost_shard import Member, Owner

SHARD = 7
TRIPS_AT_ONCE = BreakerPolicy(min_requests=1, window_seconds=1)


@dataclass(frozen=True)
class Answers:
    """An HTTP side that has one answer, or raises what an attempt never should."""

    answer: Outcome | NotStarted | Exception

    async def deliver(self, request: object, *, before_write: object) -> Outcome | NotStarted:
        assert request is not before_write
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Broken(LoggedReports):
    """Reports with a fault: they can take no attempt in."""

    def __init__(self, reporter: Reporter, *, fault: Exception) -> None:
        super().__init__(reporter)
        self._fault = fault

    def attempted(self, report: AttemptReport) -> None:
        assert report.outcome is LATE
        raise self._fault


async def circuit_after(sender: Sender, *, fault: Exception) -> tuple[str, int]:
    """Make one attempt through a lane's workers; give the circuit and the attempts that the gate counts as open."""
    client, member, clock = Client(), Member(), ManualClock()
    services = member._services(client)
    runner = AttemptRunner(
        sender=sender,
        acks=Acks(client),
        dead_letters=DeadLetters(client.jetstream()),
        log=AttemptLog(client.jetstream()),
        reporter=Broken(member.reporter, fault=fault),
        clock=clock,
        random=lambda: 0.5,
        ulids=Ulids(),
    )
    part = plan_part()
    assert part.target is not None
    gate = Gate(part.target.model_copy(update={"breaker": TRIPS_AT_ONCE}), now=0.0)
    lane = member.lanes._lane((part.namespace, part.endpoint.name))
    source = Source(part, secrets=PlanSecrets(), budget=ByteBudget(10_000), puller=lane._puller)
    source.counts = AttemptCounts("")
    message = Msg(client, data=event("one"), headers={"content-type": "application/cloudevents+json"})
    held = Held(message, handed=Handed(1, 1, 0), grant=Grant(Owner(), shard=SHARD), now=0.0)
    item = source.item(held)
    assert item is not None
    source.tray.add(item, now=0.0)
    workers = Workers(
        replace(services, runner=runner), may_work=lambda: True, refill=_nothing_more, ended=lambda _: None
    )
    workers.serve(gate)
    workers.turns.append(source)
    workers.advance()
    await workers.idle.wait()
    assert workers.begun == 1
    return gate.report(now=0.0).circuit, workers.running


@pytest.mark.parametrize("fault", [RuntimeError("unforeseen"), Unavailable("Away", "away")], ids=["fault", "known"])
async def test_a_failed_attempt_counts_when_its_events_are_not_seen_through(fault: Exception) -> None:
    assert await circuit_after(Answers(LATE), fault=fault) == ("Open", 0)


async def test_what_went_wrong_before_anything_was_sent_counts_nothing() -> None:
    assert await circuit_after(Answers(RuntimeError("never sent")), fault=RuntimeError()) == ("Closed", 0)


async def _nothing_more(source: Source) -> None:
    assert source.counts is not None
