"""In which order statuses are written, and how soon all are shown when everything changes at once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measures import excess
from jethook_dispatcher.core.write_budget import POOL_WRITES_PER_SECOND, WriteBudget
from jethook_dispatcher.core.write_order import FAIR_EVERY, Urgency, WriteQueue

ENDPOINT, SUBSCRIPTION, COUNTERS = Urgency
TICK_SECONDS = 0.25


Key = TypeVar("Key", bound=Hashable)


def taken(queue: WriteQueue[Key], *, now: float = 1000.0) -> list[Key]:
    found = []
    while (place := queue.take(now=now)) is not None:
        found.append(place.key)
    return found


@pytest.mark.parametrize(
    ("puts", "order"),
    [
        ([("c", COUNTERS, 0), ("s", SUBSCRIPTION, 1), ("e", ENDPOINT, 2)], "esc"),
        ([("late", ENDPOINT, 2), ("early", ENDPOINT, 1)], ["early", "late"]),
        ([("a", ENDPOINT, 1), ("b", ENDPOINT, 1), ("c", ENDPOINT, 1)], "abc"),
        ([("a", ENDPOINT, 1), ("b", ENDPOINT, 2), ("a", ENDPOINT, 3)], "ab"),
        ([("a", ENDPOINT, 2), ("b", ENDPOINT, 1), ("a", COUNTERS, 0)], "ba"),
        ([("a", COUNTERS, 0), ("b", COUNTERS, 1), ("b", SUBSCRIPTION, 9)], "ba"),
        ([("a", COUNTERS, 5000), ("a", ENDPOINT, 9)], "a"),
        ([("a", ENDPOINT, 5000), ("b", COUNTERS, 0)], "b"),
    ],
    ids=["by urgency", "by age", "as put", "keeps its place", "never less urgent", "raised", "sooner", "not yet due"],
)
def test_order(puts: list[tuple[str, Urgency, float]], order: str | list[str]) -> None:
    queue: WriteQueue[str] = WriteQueue()
    for key, urgency, at in puts:
        queue.put(key, urgency=urgency, at=at)
    assert taken(queue) == list(order)


def test_nothing_is_taken_before_its_time_and_what_was_dropped_never() -> None:
    queue: WriteQueue[str] = WriteQueue()
    queue.put("a", urgency=ENDPOINT, at=5.0)
    queue.put("b", urgency=ENDPOINT, at=6.0)
    assert queue.take(now=4.9) is None
    queue.drop("a")
    assert (taken(queue, now=5.5), "a" in queue, len(queue), queue.keys()) == ([], False, 1, ["b"])
    assert taken(queue, now=6.0) == ["b"]


def test_what_is_given_back_goes_on_waiting_where_it_was() -> None:
    queue: WriteQueue[str] = WriteQueue()
    for number, key in enumerate("abc"):
        queue.put(key, urgency=SUBSCRIPTION, at=number)
    first = queue.take(now=10)
    assert first is not None
    queue.give_back(first, urgency=first.urgency)
    assert taken(queue) == list("abc")


def test_changes_without_end_leave_room_for_counters() -> None:
    queue: WriteQueue[int] = WriteQueue()
    for counter in range(5):
        queue.put(-1 - counter, urgency=COUNTERS, at=counter)
    found = []
    for number in range(6 * FAIR_EVERY):
        queue.put(number, urgency=ENDPOINT, at=10)
        place = queue.take(now=10)
        found.append(place.key if place else None)
    assert [key for key in found if key is not None and key < 0] == [-1, -2, -3, -4, -5]
    assert found.index(-5) == 5 * FAIR_EVERY - 1


@pytest.mark.parametrize("fruitless", range(1, 8))
def test_turn_of_the_oldest_is_not_lost_on_one_for_which_there_was_no_budget(fruitless: int) -> None:
    queue: WriteQueue[int] = WriteQueue()
    queue.put(-1, urgency=COUNTERS, at=0)
    found = []
    for number in range(FAIR_EVERY):
        queue.put(number, urgency=ENDPOINT, at=10)
        for _ in range(fruitless):
            refused = queue.take(now=10)
            assert refused is not None
            queue.give_back(refused, urgency=refused.urgency)
        place = queue.take(now=10)
        found.append(place.key if place else None)
    assert found[-1] == -1


def test_moving_to_and_fro_leaves_nothing_behind() -> None:
    queue: WriteQueue[str] = WriteQueue()
    for now in range(10_000):
        queue.put("first", urgency=COUNTERS, at=0)
        queue.put("raised", urgency=COUNTERS, at=now)
        queue.put("other", urgency=ENDPOINT, at=now)
        queue.take(now=now)
        queue.put("raised", urgency=ENDPOINT, at=now)
        queue.take(now=now)
    assert sum(map(len, (queue._later, *queue._due.values()))) < 100


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 9), st.sampled_from(Urgency), st.integers(0, 30)),
            st.tuples(st.just("drop"), st.integers(0, 9)),
            st.tuples(st.just("take"), st.integers(0, 5)),
        ),
        max_size=100,
    )
)
def test_every_object_that_waits_is_taken_once_and_none_else(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    queue: WriteQueue[int] = WriteQueue()
    waiting: dict[int, tuple[Urgency, int]] = {}
    now = 0
    for name, *arguments in steps:
        if name == "put":
            key, urgency, at = arguments
            queue.put(key, urgency=urgency, at=at)
            known = waiting.get(key)
            if known is None or (urgency, at) < known:
                waiting[key] = (urgency, at)
        elif name == "drop":
            queue.drop(arguments[0])
            waiting.pop(arguments[0], None)
        else:
            now += arguments[0]
            place = queue.take(now=now)
            due = {key: what for key, what in waiting.items() if what[1] <= now}
            if place is None:
                assert not due
            else:
                assert (place.urgency, place.at) == due[place.key]
                del waiting[place.key]
    assert sorted(taken(queue)) == sorted(waiting)


class Member:
    """A member's queue and budget, in time that a test moves."""

    def __init__(self, *, share: float) -> None:
        self.queue: WriteQueue[tuple[str, int]] = WriteQueue()
        self._budget = WriteBudget()
        self._share = share
        self.written: list[tuple[float, tuple[str, int]]] = []

    def tick(self, now: float) -> None:
        while (place := self.queue.take(now=now)) is not None:
            if not self._budget.take(now=now, share=self._share):
                self.queue.give_back(place, urgency=place.urgency)
                return
            self.written.append((now, place.key))


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.6, 0.3, 0.1), (0.04,) * 25], ids=["1", "2", "3", "25"])
def test_2000_endpoints_that_all_change_at_once_are_shown_within_100_seconds(shares: tuple[float, ...]) -> None:
    members = [Member(share=share) for share in shares]
    for kind, urgency in (("counters", COUNTERS), ("subscription", SUBSCRIPTION), ("endpoint", ENDPOINT)):
        for number in range(2000):
            holder = next(m for m, member in enumerate(members) if number < 2000 * sum(shares[: m + 1]) + 1e-6)
            members[holder].queue.put((kind, number), urgency=urgency, at=0)
    for tick in range(4 * 250):
        for member in members:
            member.tick(tick * TICK_SECONDS)
    written = [entry for member in members for entry in member.written]
    last = {kind: max(at for at, key in written if key[0] == kind) for kind in ("endpoint", "subscription", "counters")}
    assert len(written) == 6000
    assert last["endpoint"] < 86
    assert last["endpoint"] < last["subscription"] < 170
    assert last["subscription"] < last["counters"] < 245
    burst = sum(max(1.0, POOL_WRITES_PER_SECOND * share) for share in shares)
    assert excess([at for at, _ in written], per_second=POOL_WRITES_PER_SECOND, burst=round(burst)) < 1
