"""Which step follows, whatever a process that ended left behind."""

import pytest

from jethook_operator.core.retirement import Copy, OldStream, Source, decide_retirement, room_for

EVENTS = OldStream(name="E", closed=True, messages=10, bytes=1_000)
LETTERS = OldStream(name="D", closed=True, messages=2, bytes=200)
OPEN = OldStream(name="E", closed=False, messages=10, bytes=1_000)
EMPTY = OldStream(name="D", closed=True, messages=0, bytes=0)


def _copy(messages: int, *, lag: int = 0, active: bool = True) -> Copy:
    sources = (Source(name="E", lag=lag, active=active), Source(name="D", lag=0, active=True))
    return Copy(messages=messages, sources=sources)


@pytest.mark.parametrize(
    ("old", "copy", "step"),
    [
        pytest.param((), None, "Done", id="nothing is left"),
        pytest.param((OPEN, LETTERS), None, "Close", id="somebody could still publish"),
        pytest.param((OPEN,), _copy(12), "Close", id="an older operator opened it again"),
        pytest.param((EVENTS, LETTERS), None, "Copy", id="closed, not copied"),
        pytest.param((EMPTY,), None, "Delete", id="nothing to keep"),
        pytest.param((EVENTS, LETTERS), _copy(0, active=False), "Wait", id="a source says lag 0 before it is active"),
        pytest.param((EVENTS, LETTERS), _copy(12, lag=1), "Wait", id="a source lags"),
        pytest.param((EVENTS, LETTERS), _copy(11), "Wait", id="no lag is told, but one is missing"),
        pytest.param((EVENTS, LETTERS), _copy(12), "Detach", id="all is copied"),
        pytest.param((EVENTS, EMPTY), _copy(15), "Detach", id="some was acknowledged after it was copied"),
        pytest.param((EVENTS, LETTERS), Copy(messages=12, sources=()), "Delete", id="the copy stands alone"),
        pytest.param((LETTERS,), Copy(messages=12, sources=()), "Delete", id="ended between two deletions"),
    ],
)
def test_the_next_step(old: tuple[OldStream, ...], copy: Copy | None, step: str) -> None:
    assert decide_retirement(old, copy=copy) == step


def test_the_copy_has_room_for_the_header_that_nats_adds_to_each_message() -> None:
    assert room_for((EVENTS, LETTERS)) >= 1_200 + 12 * 110
