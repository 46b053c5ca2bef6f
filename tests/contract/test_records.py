"""Records cross process borders as JSON; what a reader does not know, it refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jethook_contract.attempt import AttemptBatch, AttemptLine, AttemptRecord, encode_lines
from jethook_contract.errors import Invalid
from jethook_contract.gate import CircuitRecord, GateRecord
from jethook_contract.members import SHARD_COUNT, ClaimRecord, LeaseRecord, shard_of
from jethook_contract.plan import ObjectId, PlanPart, PoolPlan, RetiredType, Target
from jethook_contract.record import Record
from jethook_contract.status import DeliveringCondition, DeliveryStatus, LastError, StatusRecord
from jethook_contract.target import TargetUrl

TIME = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
RECORDS: list[Record] = [
    PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="crm", uid="u1", generation=3),
        subscription=ObjectId(name="orders"),
        state="Active",
        stream="S",
        consumer="sub_orders",
        retired=(RetiredType(filter_subject="jethook.events.shop.a", last_sequence=7),),
        target=Target(urls=(TargetUrl(url="https://crm.example.com/"),), headers=(("X-Team", "shop"),)),
    ),
    PoolPlan(pool="default", allowed_cidrs=("127.0.0.0/8",)),
    LeaseRecord(member="a", nonce="n"),
    ClaimRecord(member="a", nonce="n", released=True),
    AttemptBatch(
        attempts=(
            AttemptRecord(
                attempt_id="01J",
                namespace="shop",
                endpoint="crm",
                subscription="orders",
                event_id="e",
                event_source="/s",
                event_type="t",
                webhook_id="msg_1",
                stream_sequence=1,
                attempt=1,
                started_at=TIME,
                duration_milliseconds=3,
                result="Failed",
                status_code=503,
            ),
        )
    ),
    GateRecord(uid="u", circuits=(CircuitRecord(target="a", closed_until=TIME, pause_seconds=30),)),
    StatusRecord(
        kind="WebhookEndpoint",
        namespace="shop",
        name="crm",
        delivery=DeliveryStatus(last_error=LastError(reason="Timeout", time=TIME), last_delivery_time=TIME),
        condition=DeliveringCondition(status="False", reason="Timeout", last_transition_time=TIME),
    ),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert type(record).decode(record.encode()) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_an_unknown_field_or_version_is_refused_without_repeating_it(record: Record) -> None:
    with pytest.raises(Invalid, match="BadRecord") as refusal:
        type(record).decode(b'{"hunter2":"hunter2",' + record.encode()[1:])
    assert "hunter2" not in refusal.value.message.replace("hunter2 extra_forbidden", "")


def test_every_shard_is_within_range_and_endpoints_spread_over_them() -> None:
    shards = {shard_of("shop", f"endpoint-{n}") for n in range(5_000)}
    assert shards == set(range(SHARD_COUNT))
    assert shard_of("shop", "crm") == shard_of("shop", "crm")


def test_lines_of_a_dispatcher_read_as_attempt_records() -> None:
    lines: list[AttemptLine] = [
        {
            "version": 1,
            "attemptId": "01J",
            "namespace": "shop",
            "endpoint": "crm",
            "subscription": "orders",
            "eventId": "e-\u00fc",
            "eventSource": "/s",
            "eventType": "t",
            "webhookId": "msg_1",
            "streamSequence": 2**53 + 1,
            "attempt": 2,
            "startedAt": TIME,
            "durationMilliseconds": 3,
            "result": "Failed",
            "statusCode": 503,
            "errorReason": "HTTPStatus",
            "errorMessage": "Service Unavailable",
            "answerExcerpt": '"busy"',
        }
    ]
    (record,) = AttemptBatch.decode(encode_lines(lines)).attempts
    assert record.model_dump(by_alias=True) == lines[0]
    assert set(AttemptLine.__annotations__) == set(AttemptRecord.model_validate(record).model_dump(by_alias=True))
