"""What is kept of one object between reports."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jethook_contract.status import DeliveryStatus, StatusRecord
from jethook_dispatcher.core.delivery_state import Backlog, Fault
from jethook_dispatcher.core.outcome import Outcome
from jethook_dispatcher.core.tracked import Tracked, endpoint_key, subscription_key
from jethook_dispatcher.core.write_order import Urgency
from tests.dispatcher.status.conftest import BUSY, LATE, OK, START, plan_part

PART = plan_part()
OTHER = plan_part(subscription="stock-to-crm", subscription_uid="s-2")


def tracked(*, stored: StatusRecord | None = None, revision: int = 0) -> Tracked:
    made = Tracked(endpoint_key(PART), part=PART)
    made.loaded(stored, revision=revision)
    return made


def deliver(to: Tracked, outcome: Outcome = OK) -> None:
    to.counters.attempted(outcome, attempt=1, ended_at=START, next_attempt_at=None, now=0.0)


def record(of: Tracked) -> StatusRecord:
    return of.record(at=START, now=0.0)


def test_record_survives_the_wire_unchanged() -> None:
    made = tracked()
    deliver(made)
    assert StatusRecord.decode(record(made).encode()) == record(made)


def test_write_without_an_answer_is_not_counted_twice_when_it_arrived() -> None:
    made = tracked()
    deliver(made)
    made.in_doubt = sent = record(made)
    deliver(made)
    made.loaded(StatusRecord.decode(sent.encode()), revision=1)
    assert record(made).delivery.delivered == 2
    deliver(made)
    made.loaded(StatusRecord.decode(sent.encode()), revision=1)
    assert record(made).delivery.delivered == 3


def test_write_without_an_answer_is_not_lost_when_it_did_not_arrive() -> None:
    made = tracked()
    deliver(made)
    made.in_doubt = record(made)
    made.loaded(None, revision=0)
    assert record(made).delivery.delivered == 1


@pytest.mark.parametrize(("uid", "delivered"), [("e-1", 41), ("e-0", 1), ("", 1)])
def test_only_a_record_of_the_same_uid_is_gone_on_from(uid: str, delivered: int) -> None:
    stored = record(tracked()).model_copy(update={"uid": uid, "delivery": DeliveryStatus(delivered=40)})
    made = tracked(stored=stored, revision=7)
    deliver(made)
    assert record(made).delivery.delivered == delivered
    assert made.revision == 7


def test_subscription_that_moves_to_another_endpoint_keeps_its_counters() -> None:
    made = Tracked(subscription_key(PART), part=PART)
    deliver(made)
    moved = plan_part(endpoint="billing", endpoint_uid="e-9")
    made.put_part(moved)
    made.drop_part(PART)
    assert not made.abandoned
    assert record(made).delivery.delivered == 1


def test_backlog_of_the_former_owner_stands_until_every_part_was_looked_at() -> None:
    stored = record(tracked()).model_copy(update={"delivery": DeliveryStatus(backlog=50)})
    made = tracked(stored=stored, revision=1)
    made.put_part(OTHER)
    made.put_backlog(PART, backlog=Backlog(pending=3))
    assert record(made).delivery.backlog == 50
    made.put_backlog(OTHER, backlog=Backlog(pending=4))
    assert record(made).delivery.backlog == 7
    made.drop_part(OTHER)
    assert record(made).delivery.backlog == 3


def test_endpoint_is_faulty_when_all_its_active_parts_are_and_a_new_version_heals() -> None:
    made = tracked()
    made.put_part(OTHER)
    fault = Fault(reason="BadSigningKey", message="no base64")
    reasons = []
    for part in (PART, OTHER):
        made.put_fault(part, fault=fault)
        reasons.append(_reason(made))
    made.put_part(OTHER)
    assert [*reasons, _reason(made)] == ["Idle", "BadSigningKey", "Idle"]


def test_writes_keep_their_distance() -> None:
    made = tracked()
    assert made.due_at(urgent=False, now=5.0) == 5.0
    made.saved(record(made), revision=1, now=5.0)
    assert (made.due_at(urgent=True, now=5.0), made.due_at(urgent=False, now=5.0)) == (6.0, 20.0)
    assert made.due_at(urgent=True, now=9.0) == 9.0


@pytest.mark.parametrize(
    ("stored", "now", "urgency"),
    [
        (None, OK, Urgency.ENDPOINT_TURNED),
        (OK, OK, Urgency.COUNTERS),
        (OK, BUSY, Urgency.COUNTERS),
        (BUSY, OK, Urgency.ENDPOINT_TURNED),
        (BUSY, BUSY, Urgency.COUNTERS),
        (BUSY, LATE, Urgency.ENDPOINT_TURNED),
    ],
    ids=["first", "counters", "one failure", "healthy again", "failing still", "another reason"],
)
def test_only_a_change_of_state_or_condition_overtakes_counters(
    stored: Outcome | None, now: Outcome, urgency: Urgency
) -> None:
    made = tracked()
    if stored is not None:
        deliver(made, stored)
        made.saved(record(made), revision=1, now=0.0)
    deliver(made, now)
    assert made.urgency_of(record(made)) == urgency


def test_subscription_comes_after_its_endpoint() -> None:
    made = Tracked(subscription_key(PART), part=PART)
    assert made.urgency_of(record(made)) == Urgency.SUBSCRIPTION_TURNED


@pytest.mark.parametrize(
    ("outcome", "turned_before_seconds", "seconds", "urgency"),
    [
        (OK, 0, 59, Urgency.SUBSCRIPTION_TURNED),
        (OK, 3600, 59, Urgency.COUNTERS),
        (OK, 3600, 61, None),
        (BUSY, 3600, 59, Urgency.COUNTERS),
        (None, 0, 1, None),
    ],
    ids=["turned lately", "counted lately", "long ago", "failed lately", "never used"],
)
def test_new_owner_shows_again_what_the_former_may_not_have_shown(
    outcome: Outcome | None, turned_before_seconds: int, seconds: int, urgency: Urgency | None
) -> None:
    former = tracked()
    if outcome is not None:
        deliver(former, outcome)
    stored = record(former)
    assert stored.condition is not None
    turned = stored.condition.model_copy(
        update={"last_transition_time": START - timedelta(seconds=turned_before_seconds)}
    )
    heir = tracked(stored=stored.model_copy(update={"condition": turned}), revision=1)
    assert heir.unshown(at=START + timedelta(seconds=seconds)) == urgency


def test_looks_without_news_grow_rare_until_a_report_is_stored() -> None:
    made, now, pauses = tracked(), 100.0, []
    for _ in range(6):
        assert made.worth_a_look(now=now)
        made.found_equal(now=now)
        began = now
        while not made.worth_a_look(now=now):
            now += 1
        pauses.append(now - began)
    assert pauses == [15, 30, 60, 120, 120, 120]
    made.saved(record(made), revision=1, now=now)
    assert (made.worth_a_look(now=now + 14), made.worth_a_look(now=now + 15)) == (False, True)


def test_backlog_is_worth_a_write_at_once_when_a_bound_is_reached_or_left() -> None:
    made = tracked()
    backlogs = [Backlog(unacknowledged=count) for count in (5, 20_000, 20_001, 6)]
    assert [made.put_backlog(PART, backlog=backlog) for backlog in backlogs] == [False, True, False, True]
    assert (made.backlog_of(PART), made.backlog_of(OTHER)) == (backlogs[-1], None)


def _reason(of: Tracked) -> str:
    condition = record(of).condition
    return condition.reason if condition else ""
