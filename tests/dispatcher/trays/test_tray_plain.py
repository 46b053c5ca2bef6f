"""The plain tray: first come, first tried."""

import pytest

from jethook_contract.errors import Bug
from jethook_dispatcher.core.tray_batch import BatchTray
from jethook_dispatcher.core.tray_merge import MergeTray
from jethook_dispatcher.core.tray_ordered import OrderedTray
from jethook_dispatcher.core.tray_plain import PlainTray
from tests.dispatcher.trays.trays import ORDERED, PART, batch_part, filled, item, merge_part, sequences, taken


@pytest.mark.parametrize(
    ("part", "kind", "keeps_failed"),
    [
        (PART, PlainTray, False),
        (ORDERED, OrderedTray, True),
        (batch_part(), BatchTray, False),
        (merge_part(), MergeTray, True),
    ],
    ids=["plain", "ordered", "batch", "merge"],
)
def test_the_form_of_the_subscription_chooses_the_tray(part: object, kind: type, *, keeps_failed: bool) -> None:
    tray = filled(part)
    assert isinstance(tray, kind)
    assert tray.keeps_failed is keeps_failed
    assert (tray.waiting, tray.full, tray.parked(), tray.parked_count) == (0, False, [], 0)
    assert tray.take(now=0.0) is None
    assert tray.next_at(now=0.0) is None
    assert tray.drain() == []
    assert tray.skip("a") is None
    assert tray.room(ahead=0) == 0
    assert tray.room(ahead=3) >= 3


def test_messages_are_tried_as_they_came_each_alone() -> None:
    tray = filled(PART, item(2), item(1), item(3))
    parcel = taken(tray, now=0.0)
    assert (sequences(parcel), parcel.sent, parcel.batched) == ([2], parcel.items, False)
    assert (tray.waiting, tray.room(ahead=5), tray.room(ahead=1)) == (2, 3, 0)
    tray.finish(parcel)
    assert [sequences(tray.take(now=0.0)) for _ in range(3)] == [[1], [3], None]


def test_what_is_drained_is_ascending_and_gone() -> None:
    tray = filled(PART, item(3), item(1), item(2))
    taken(tray, now=0.0)
    assert [one.sequence for one in tray.drain()] == [1, 2]
    assert (tray.waiting, tray.take(now=0.0)) == (0, None)


@pytest.mark.parametrize("part", [PART, batch_part(max_events=1)], ids=["plain", "batch"])
def test_a_failed_message_is_not_kept(part: object) -> None:
    tray = filled(part, item(1))
    with pytest.raises(Bug, match="nak it"):
        tray.put_back(taken(tray, now=0.0), at=1.0, now=0.0)
