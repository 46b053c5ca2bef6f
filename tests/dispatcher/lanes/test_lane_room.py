"""How much a lane asks for ahead of what runs."""

import pytest

from jethook_contract.errors import Bug
from jethook_dispatcher.core.lane_reply import Handed, read_reply
from jethook_dispatcher.core.lane_room import (
    MAX_REQUEST_BYTES,
    MIN_REQUEST_BYTES,
    request_bytes,
    share,
    threshold,
    worth_having,
)

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("width", "subscriptions", "expected"), [(20, 1, 20), (20, 3, 7), (1, 5, 1), (1000, 1000, 1), (20, 0, 20)]
)
def test_subscriptions_share_a_width_evenly_and_none_goes_without(
    width: int, subscriptions: int, expected: int
) -> None:
    assert share(width, subscriptions=subscriptions) == expected


@pytest.mark.parametrize(
    ("ahead", "free_places", "subscriptions", "expected"),
    [
        pytest.param(20, 20, 1, 40, id="nothing runs: the places and one width beside them"),
        pytest.param(20, 0, 1, 20, id="all run: one width ahead"),
        pytest.param(20, 20, 4, 10, id="four subscriptions: a quarter each"),
        pytest.param(1, 0, 3, 1, id="always one"),
    ],
)
def test_at_most_one_width_is_worth_having_beside_the_free_places(
    ahead: int, free_places: int, subscriptions: int, expected: int
) -> None:
    assert worth_having(ahead, free_places=free_places, subscriptions=subscriptions) == expected


@pytest.mark.parametrize(("ahead", "subscriptions", "expected"), [(64, 1, 32), (20, 4, 2), (1, 1, 1), (3, 9, 1)])
def test_a_request_is_worth_it_once_half_of_the_share_is_free(ahead: int, subscriptions: int, expected: int) -> None:
    assert threshold(ahead, subscriptions=subscriptions) == expected


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        pytest.param(0, 0, id="nothing left"),
        pytest.param(-5, 0, id="overdrawn"),
        pytest.param(1, MIN_REQUEST_BYTES, id="the largest message must fit"),
        pytest.param(32 * MEBIBYTE, 4 * MEBIBYTE, id="an eighth of the room"),
        pytest.param(1024 * MEBIBYTE, MAX_REQUEST_BYTES, id="bounded"),
    ],
)
def test_a_request_is_bounded_in_bytes_by_what_is_left(room: int, expected: int) -> None:
    assert request_bytes(room) == expected


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.S.c.3.17.40.1700000000000000001.9",
        "$JS.ACK._.hash.S.c.3.17.40.1700000000000000001.9",
        "$JS.ACK.hub.hash.S.c.3.17.40.1700000000000000001.9.random",
    ],
)
def test_a_reply_subject_is_read_in_both_forms(reply: str) -> None:
    assert read_reply(reply) == Handed(17, 3, 1700000000000000001)


@pytest.mark.parametrize("reply", ["", "_INBOX.x", "$JS.ACK.S.c.3", "$JS.ACK.S.c.three.17.40.1.9"])
def test_another_reply_subject_is_a_bug(reply: str) -> None:
    with pytest.raises(Bug):
        read_reply(reply)
