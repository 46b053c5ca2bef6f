"""A lane asks for one width ahead at most, and its Subscriptions share that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Bug
from jethook_dispatcher.core.lane_reply import Handed, read_reply
from jethook_dispatcher.core.lane_room import MAX_REQUEST_BYTES, MIN_REQUEST_BYTES, request_bytes, share, to_ask


@pytest.mark.parametrize(
    ("width", "subscriptions", "expected"), [(100, 1, 100), (100, 2, 50), (20, 3, 7), (1, 5, 1), (20, 0, 20)]
)
def test_the_width_is_shared_evenly(width: int, subscriptions: int, expected: int) -> None:
    assert share(width, subscriptions=subscriptions) == expected


@pytest.mark.parametrize(
    ("running", "waiting", "asked", "expected"),
    [
        (100, 0, 0, 100),
        (100, 0, 100, 0),
        (100, 51, 0, 0),
        (100, 50, 0, 50),
        (100, 20, 31, 0),
        (0, 0, 0, 200),
        (40, 100, 0, 60),
        (300, 0, 0, 0),
    ],
)
def test_a_refill_is_asked_for_when_half_a_width_is_free(running: int, waiting: int, asked: int, expected: int) -> None:
    assert to_ask(100, subscriptions=1, running=running, waiting=waiting, asked=asked) == expected


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 1000), st.integers(0, 1000))
def test_never_more_than_two_widths_are_in_hand(width: int, running: int, waiting: int, asked: int) -> None:
    batch = to_ask(width, subscriptions=1, running=min(running, width), waiting=waiting, asked=asked)
    assert batch == 0 or min(running, width) + waiting + asked + batch <= 2 * width


@given(st.integers(1, 500), st.integers(1, 50), st.integers(0, 500))
def test_an_empty_subscription_always_asks(width: int, subscriptions: int, running: int) -> None:
    assert to_ask(width, subscriptions=subscriptions, running=min(running, width), waiting=0, asked=0) >= 1


@pytest.mark.parametrize(
    ("room", "expected"),
    [(0, 0), (-5, 0), (1, MIN_REQUEST_BYTES), (32 * 1024 * 1024, 4 * 1024 * 1024), (2**40, MAX_REQUEST_BYTES)],
)
def test_a_request_is_bounded_in_bytes(room: int, expected: int) -> None:
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
