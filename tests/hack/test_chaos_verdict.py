"""A chaos run is judged right: each broken promise is seen, and nothing that is allowed counts as broken."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hack.chaos_kinds import KINDS, Kind
from hack.chaos_verdict import Event, Pair, Request, Verdict, duplicates, judge, order_violations

PLAIN = Kind(name="plain", event_type="t", timeout_seconds=2)
ORDERED = Kind(name="ordered", event_type="t", ordered=True)
LATEST = Kind(name="latest", event_type="t", latest=True)
LIMITED = Kind(name="limited", event_type="t", requests_per_second=10, burst=2)
EVENTS = [Event("e1", "t", "k", 1), Event("e2", "t", "k", 2), Event("e3", "t", "other", 3)]


def _request(*ids: str, kind: Kind = PLAIN, at: float = 0.0, took: float = 0.1, status: int = 200) -> Request:
    return Request(kind.address, ids, at, at + took, status)


def _judge(
    requests: Sequence[Request], *, kind: Kind = PLAIN, dead: Sequence[Pair] = (), in_flight: int = 0
) -> Verdict:
    return judge(
        [kind],
        seed=7,
        published=EVENTS,
        unconfirmed={"e9"},
        requests=requests,
        dead=dead,
        in_flight_at_faults=in_flight,
    )


ALL = [_request("e1"), _request("e2", at=1), _request("e3", at=2)]


@pytest.mark.parametrize(
    ("verdict", "delivered", "lost", "sound"),
    [
        pytest.param(_judge(ALL), 3, 0, True, id="all came"),
        pytest.param(_judge([_request("e1", "e2", "e3")]), 3, 0, True, id="in one batch"),
        pytest.param(_judge(ALL[:2]), 2, 1, False, id="one never came"),
        pytest.param(_judge([*ALL[:2], _request("e3", status=500)]), 2, 1, False, id="one was never accepted"),
        pytest.param(_judge([*ALL[:2], _request("e3", status=0)]), 2, 1, False, id="one had no answer"),
        pytest.param(_judge(ALL[:2], dead=[("e3", PLAIN.address)]), 2, 0, True, id="one is a dead letter"),
        pytest.param(_judge(ALL[:2], dead=[("e3", "default/x")]), 2, 1, False, id="a dead letter of another"),
        pytest.param(_judge([*ALL, _request("e9")]), 3, 0, True, id="an unconfirmed one may come"),
        pytest.param(_judge([*ALL, _request("e8")]), 3, 0, False, id="one came that nobody published"),
        pytest.param(_judge([*ALL, _request("e1", kind=ORDERED)]), 3, 0, False, id="one came to a stranger"),
    ],
)
def test_every_pair_has_an_end(verdict: Verdict, delivered: int, lost: int, *, sound: bool) -> None:
    assert (verdict.delivered, len(verdict.lost), not verdict.broken) == (delivered, lost, sound)


@pytest.mark.parametrize(
    ("came", "lost"),
    [
        pytest.param(["e2", "e3"], [], id="a later one of the key replaces"),
        pytest.param(["e1", "e3"], ["e2"], id="an earlier one does not"),
        pytest.param(["e1", "e2"], ["e3"], id="one of another key does not"),
    ],
)
def test_an_event_may_be_replaced_only_where_the_latest_is_delivered(came: list[str], lost: list[str]) -> None:
    merged = _judge([_request(one, kind=LATEST) for one in came], kind=LATEST)
    assert [event_id for event_id, _ in merged.lost] == lost
    assert len(_judge([_request(one) for one in came]).lost) == 1


@pytest.mark.parametrize(
    ("requests", "count"),
    [
        pytest.param([_request("e1"), _request("e1", at=1)], 1, id="sent again after it was accepted"),
        pytest.param([_request("e1"), _request("e1", at=1, status=0)], 1, id="whatever becomes of the second"),
        pytest.param([_request("e1", status=500), _request("e1", at=1)], 0, id="a retry after an error"),
        pytest.param([_request("e1", status=0), _request("e1", at=1)], 0, id="a retry after no answer"),
        pytest.param([_request("e1", took=3), _request("e1", at=4)], 0, id="a retry after a late answer"),
        pytest.param([_request("e1", "e2"), _request("e2", at=1)], 1, id="one of a batch"),
        pytest.param([_request("e1"), _request("e1", kind=ORDERED, at=1)], 0, id="to another Subscription"),
        pytest.param([_request("e1", at=1), _request("e1")], 1, id="in any order of the records"),
    ],
)
def test_a_duplicate_comes_after_an_acceptance_in_time(requests: list[Request], count: int) -> None:
    assert duplicates(requests, timeouts={PLAIN.address: 2, ORDERED.address: 2}) == count


@pytest.mark.parametrize(("in_flight", "sound"), [(1, True), (0, False)])
def test_duplicates_may_be_as_many_as_were_in_flight(in_flight: int, *, sound: bool) -> None:
    assert (not _judge([*ALL, _request("e1", at=9)], in_flight=in_flight).broken) == sound


@pytest.mark.parametrize(
    ("requests", "late"),
    [
        pytest.param([("e1", 0.0, 200), ("e2", 1.0, 200)], [], id="in order"),
        pytest.param([("e2", 0.0, 200), ("e1", 1.0, 200)], ["e1"], id="the wrong way round"),
        pytest.param([("e2", 0.0, 500), ("e1", 1.0, 200), ("e2", 2.0, 200)], [], id="the later one was refused first"),
        pytest.param([("e1", 0.0, 200), ("e2", 1.0, 200), ("e1", 2.0, 200)], [], id="a duplicate of the earlier one"),
        pytest.param([("e1", 0.0, 500), ("e2", 1.0, 200), ("e1", 2.0, 200)], ["e1"], id="overtaken while it waits"),
        pytest.param([("e3", 0.0, 200), ("e1", 1.0, 200)], [], id="another key"),
        pytest.param([("e2", 0.0, 200)], [], id="the earlier one never came: that is a loss"),
    ],
)
def test_order_holds_between_first_acceptances_of_a_key(
    requests: list[tuple[str, float, int]], late: list[str]
) -> None:
    found = [_request(one, kind=ORDERED, at=at, status=status) for one, at, status in requests]
    assert [violation.id for violation in order_violations(found, published=EVENTS)] == late


def test_only_ordered_subscriptions_are_judged_by_order() -> None:
    requests = [("e2", 0.0), ("e1", 1.0), ("e3", 2.0)]
    assert _judge([_request(one, at=at) for one, at in requests]).violations == ()
    ordered = _judge([_request(one, kind=ORDERED, at=at) for one, at in requests], kind=ORDERED)
    assert [(one.id, one.after) for one in ordered.violations] == [("e1", "e2")]
    assert "order_violations=1" in ordered.line()
    assert ordered.broken


@pytest.mark.parametrize(("gap", "sound"), [(0.11, True), (0.02, False)])
def test_requests_over_the_limit_are_seen_though_they_fail(gap: float, *, sound: bool) -> None:
    requests = [_request("e1", kind=LIMITED, at=gap * n, status=500) for n in range(20)]
    ends = [_request("e1", "e2", "e3", kind=LIMITED, at=100)]
    assert (not _judge([*requests, *ends], kind=LIMITED).broken) == sound


def test_the_closing_line_is_as_announced() -> None:
    line = "chaos: seed=7 published=3 delivered=3 dead_lettered=0 lost=0 duplicates=0 order_violations=0"
    assert _judge(ALL).line() == line


def test_the_offenders_are_named_but_not_endlessly() -> None:
    published = [Event(f"e{number}", "t", "k", number) for number in range(1000)]
    verdict = judge([PLAIN], seed=1, published=published, unconfirmed=(), requests=[], dead=(), in_flight_at_faults=0)
    (text,) = verdict.broken
    assert "('e0', 'default/plain')" in text
    assert "and 980 more" in text


def test_the_table_has_order_batch_merge_a_limit_and_each_misbehaviour() -> None:
    used = {field for kind in KINDS for field in kind.subscription}
    assert used >= {"ordering", "batch", "merge"}
    assert {kind.behaviour.fault for kind in KINDS} == {"none", "error", "hang", "reset", "drip", "late"}
    assert any(kind.requests_per_second for kind in KINDS)
    assert any(kind.behaviour.poison for kind in KINDS)
    assert len({kind.name for kind in KINDS}) == len(KINDS)
