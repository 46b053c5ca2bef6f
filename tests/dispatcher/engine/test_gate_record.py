"""What the record of a gate keeps of the circuits, and when it is worth writing again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jethook_contract.gate import CircuitRecord, GateRecord, target_digest
from jethook_dispatcher.core.gate_record import circuit_memories, circuit_records, say_the_same
from jethook_dispatcher.core.targets import CircuitMemory
from tests.dispatcher.engine.gates import target

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST, SECOND = (one.url for one in target(1, 1).urls)


def left(url: str, *, open_seconds: float = 20.0, pause_seconds: int = 30) -> CircuitMemory:
    return CircuitMemory(url=url, open_seconds=open_seconds, pause_seconds=pause_seconds)


def record(*memories: CircuitMemory, at: datetime = AT, **fields: object) -> GateRecord:
    made = GateRecord(uid="u", generation=1, circuits=circuit_records(memories, at=at))
    return GateRecord.decode(made.model_copy(update=fields).encode())


def test_each_targets_circuit_comes_back_less_the_time_that_has_passed() -> None:
    stored = record(left(FIRST), left(SECOND, open_seconds=3.0, pause_seconds=60))
    later = AT + timedelta(seconds=5)
    assert circuit_memories(stored, target=target(1, 1), at=later) == [
        left(FIRST, open_seconds=15.0),
        left(SECOND, open_seconds=0.0, pause_seconds=60),
    ]


def test_what_belongs_to_a_url_that_is_gone_is_left_out_and_a_new_url_begins_closed() -> None:
    stored = record(left("https://gone.example"), left(FIRST))
    assert circuit_memories(stored, target=target(1, 1), at=AT) == [left(FIRST)]


def test_the_record_names_no_url() -> None:
    assert b"example" not in record(left(FIRST)).encode()
    assert target_digest(FIRST) != target_digest(SECOND)


def test_a_record_from_before_there_were_circuits_is_about_every_target() -> None:
    old = b'{"version":1,"uid":"u","closedUntil":"2026-11-24T12:00:20Z","pauseSeconds":30}'
    assert circuit_memories(GateRecord.decode(old), target=target(1, 1), at=AT) == [left(FIRST), left(SECOND)]
    assert circuit_memories(GateRecord.decode(b"{}"), target=target(1, 1), at=AT) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (record(), record(), True),
        (record(left(FIRST)), record(), False),
        (record(left(FIRST)), record(left(FIRST, open_seconds=20.4)), True),
        (record(left(FIRST)), record(left(FIRST, open_seconds=22.0)), False),  # another pause of the same length
        (record(left(FIRST)), record(left(FIRST, pause_seconds=60)), False),
        (record(left(FIRST)), record(left(SECOND)), False),
        (record(left(FIRST)), record(left(FIRST), left(SECOND)), False),
        # Half-open: a probe is due, whenever the pause ended.
        (record(left(FIRST, open_seconds=0.0)), record(left(FIRST, open_seconds=-300.0)), True),
        (record(closed_until=AT, pause_seconds=30), record(), False),
        (record(disabled_reason="Gone"), record(), False),
        (record(disabled_reason="Gone"), record(disabled_reason="Gone", generation=2), False),
        (record(), record(generation=2, resume="now"), True),
        (record(), record(uid="v"), False),
    ],
)
def test_a_record_is_written_again_only_when_it_says_something_else(
    one: GateRecord,
    other: GateRecord,
    same: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    assert say_the_same(one, other, at=AT) is same
    assert say_the_same(other, one, at=AT) is same


def test_records_with_one_circuit_and_a_probe_due_are_not_told_apart_by_the_clock() -> None:
    due = CircuitRecord(target="a", closed_until=AT - timedelta(hours=1), pause_seconds=30)
    now_due = due.model_copy(update={"closed_until": AT})
    assert say_the_same(GateRecord(circuits=(due,)), GateRecord(circuits=(now_due,)), at=AT)
