"""What Jethook's own part of a delivery costs: everything between a message from NATS and its acknowledgement.

Intake, tray, gate, workers, attempt, signing, reports and the attempts log are the real ones; NATS and the HTTP client
are not: messages are laid ready, and the sender answers 200 at once. CPU time of this process, the least of many
rounds, so that what else the machine does hardly shows.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import SecretStr

from bench.events import event
from bench.installation import SIGNING_KEY, WIDTH, Lane
from bench.results import Result
from jethook_contract import names
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, SigningKey
from jethook_contract.status import StatusRecord
from jethook_dispatcher.core.attempt_counts import AttemptCounts
from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.outcome import NotStarted, Outcome, outcome_of_answer
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.core.tracked import ObjectKey
from jethook_dispatcher.shell.attempts import AttemptLog
from jethook_dispatcher.shell.clock import Clock
from jethook_dispatcher.shell.lane_acks import Acks
from jethook_dispatcher.shell.lane_attempt import AttemptRunner
from jethook_dispatcher.shell.lane_background import Background
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_held import ByteBudget
from jethook_dispatcher.shell.lane_intake import Intake
from jethook_dispatcher.shell.lane_log import LoggedReports
from jethook_dispatcher.shell.lane_services import LaneServices
from jethook_dispatcher.shell.lane_source import Source
from jethook_dispatcher.shell.lane_suspects import Suspects
from jethook_dispatcher.shell.lane_workers import Workers
from jethook_dispatcher.shell.status import StatusReporter
from jethook_dispatcher.shell.ulid import Ulids

_DELIVERIES_A_ROUND = 2000
_MOST_MICROSECONDS = 60.0
_BOUND = f"least of the rounds < {_MOST_MICROSECONDS:.0f} us a delivery"


async def measure(*, quick: bool) -> Result:
    """Run the scenario; a few seconds."""
    path = _HotPath()
    rounds = [await path.round() for _ in range(5 if quick else 40)]
    least = min(rounds)
    figures: dict[str, object] = {
        "microseconds": round(least, 1),
        "median_microseconds": round(sorted(rounds)[len(rounds) // 2], 1),
        "rounds": len(rounds),
        "deliveries_a_round": _DELIVERIES_A_ROUND,
    }
    return Result(ok=least < _MOST_MICROSECONDS, bound=_BOUND, figures=figures)


class _HotPath:
    """One lane with one Subscription."""

    def __init__(self) -> None:
        gc.set_threshold(20_000, 20, 50)  # as the dispatcher does
        part = _part()
        clock, stub, background = Clock(), _Stub(), Background()
        client = cast("Client", stub)
        acks = Acks(client)
        self._log = AttemptLog(cast("JetStreamContext", stub))
        reporter = StatusReporter(_NoStore(), clock=clock, holds=lambda _: True, share=lambda: 1.0)
        reporter.part_changed(part)
        runner = AttemptRunner(
            sender=_Sender(),
            acks=acks,
            dead_letters=cast("Any", None),
            log=self._log,
            reporter=LoggedReports(reporter),
            clock=clock,
            random=lambda: 0.5,
            ulids=Ulids(),
        )
        suspects = Suspects(cast("Any", None), runner=runner, acks=acks, clock=clock)
        services = LaneServices(
            client=client,
            clock=clock,
            runner=runner,
            consent=cast("Any", None),
            counts=cast("Any", None),
            gates=cast("Any", None),
            consumers=cast("Any", None),
            reporter=reporter,
            acks=acks,
            budget=ByteBudget(64 * 1024 * 1024),
            suspects=suspects,
            spawn=background.spawn,
        )
        secrets = PlanSecrets(signing=(SigningKey(keys=(SecretStr(SIGNING_KEY),)),))
        self._source = Source(part, secrets=secrets, budget=services.budget, puller=cast("Any", lambda _: stub))
        self._source.counts = AttemptCounts("now")
        self._workers = Workers(services, may_work=lambda: True, refill=_no_refill, ended=_nothing)
        self._workers.turns.append(self._source)
        self._workers.serve(Gate(cast("Any", part.target), now=clock.monotonic()))
        self._intake = Intake(services, placed=self._workers.advance)
        self._grant = Grant(_Owned(), shard=0)
        self._sequence = 0

    async def round(self) -> float:
        """Deliver a number of events; give the microseconds of CPU that each of them took."""
        messages = deque(self._message() for _ in range(_DELIVERIES_A_ROUND))
        self._log._buffer.clear()  # noqa: SLF001 -- what publishes the log is not measured here
        start = time.process_time()
        while messages:
            for _ in range(min(WIDTH, len(messages))):
                if self._intake.take(self._source, message=messages.popleft(), grant=self._grant):
                    self._workers.advance()
            await self._workers.idle.wait()
        return (time.process_time() - start) / _DELIVERIES_A_ROUND * 1e6

    def _message(self) -> Msg:
        self._sequence += 1
        reply = f"$JS.ACK.JETHOOK_EVENTS_bench.sub-hot.1.{self._sequence}.{self._sequence}.{time.time_ns()}.0"
        body = event(f"1.5-{self._sequence}", sent=1.5)
        return Msg(_client=cast("Client", None), subject=_LANE.subject, reply=reply, data=body)


_LANE = Lane(namespace="bench", name="hot", url="http://127.0.0.1:8080/hook/hot")


def _part() -> PlanPart:
    return PlanPart(
        namespace=_LANE.namespace,
        endpoint=ObjectId(name=_LANE.name),
        subscription=ObjectId(name=_LANE.name),
        state="Active",
        stream=names.events_stream(_LANE.namespace),
        consumer=names.subscription_consumer(_LANE.name),
        filters=_LANE.filters,
        retry=_LANE.retry,
        target=_LANE.target(),
    )


class _Stub:
    """Stand for the connection, and for the puller of the source: nothing is under way."""

    is_connected = True
    asked = 0

    async def publish(self, subject: str, payload: bytes = b"") -> None:
        """Take an acknowledgement."""


class _Sender:
    """Answer 200 at once."""

    async def deliver(self, request: OutgoingRequest, *, before_write: Callable[[], bool]) -> Outcome | NotStarted:  # noqa: ARG002
        """Ask for leave as the connector does, and succeed."""
        if not before_write():
            return NotStarted()
        return outcome_of_answer(200, headers={}, body=b"", now=Clock.now(), duration_seconds=0.001)


class _NoStore:
    """Stand for the bucket, which nobody writes here."""

    async def load(self, key: ObjectKey) -> tuple[StatusRecord | None, int]:  # noqa: ARG002
        """Give nothing."""
        return None, 0

    async def save(self, record: StatusRecord, *, revision: int) -> int | None:  # noqa: ARG002
        """Take it."""
        return revision + 1


class _Owned:
    """Own every shard."""

    def may_start(self, shard: int) -> bool:  # noqa: ARG002
        """Say yes."""
        return True

    def holds(self, shard: int) -> bool:  # noqa: ARG002
        """Say yes."""
        return True


async def _no_refill(source: Source) -> None:
    """Ask for nothing: the messages are there."""


def _nothing(outcome: Outcome | None) -> None:
    """Hear of the end of an attempt."""
