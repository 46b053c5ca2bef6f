"""The table of answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_dispatcher.core.answers import ANSWERS, FAULTS, answer_of, directives, fault_of
from jethook_dispatcher.core.outcome import Outcome, failure
from tests.dispatcher.engine.gates import answered, faulty


@pytest.mark.parametrize(
    ("statuses", "expected"),  # kind, health, throttles, fails over
    [
        ((200, 201, 204, 299), ("Delivered", "Up", False, False)),
        ((300, 301, 302, 307, 308), ("Retry", "Down", False, False)),
        ((401, 403, 407, 408), ("Retry", "Down", False, False)),
        ((400, 402, 404, 405, 409, 413, 415, 422, 451, 499), ("Retry", "Unclear", False, False)),
        ((410,), ("Disable", "Up", False, False)),
        ((429,), ("Retry", "Unclear", True, False)),
        ((500, 501, 505, 507, 599), ("Retry", "Down", False, False)),
        ((502, 503, 504), ("Retry", "Down", True, True)),
        ((-1, 0, 100, 199, 600, 999, 1000), ("Retry", "Down", False, False)),
    ],
)
def test_what_a_status_means(statuses: tuple[int, ...], expected: tuple[str, str, bool, bool]) -> None:
    for status in statuses:
        answer = answer_of(status)
        assert (answer.kind, answer.health, answer.throttles, answer.fails_over) == expected, status


@given(status=st.integers())
def test_every_status_has_an_answer(status: int) -> None:
    assert answer_of(status) in ANSWERS


def test_no_line_of_the_table_is_hidden_by_an_earlier_one() -> None:
    assert {id(answer_of(status)) for status in range(1000)} == {id(answer) for answer in ANSWERS}


@pytest.mark.parametrize(
    ("reason", "health", "fails_over", "unsent"),
    [
        ("Timeout", "Down", False, False),
        ("NameNotResolved", "Down", True, True),
        ("AddressDenied", "Down", True, True),
        ("ConnectFailed", "Down", True, True),
        ("TLSFailed", "Down", True, True),
        ("ConnectionClosed", "Down", True, False),
        ("BadAnswer", "Down", False, False),
        ("BadRequest", "Down", False, True),
        ("Internal", "Unclear", False, False),
        ("SomethingNew", "Down", False, False),
    ],
)
def test_what_a_fault_means(reason: str, health: str, fails_over: bool, unsent: bool) -> None:  # noqa: FBT001 -- a table
    outcome = faulty(reason)
    assert (outcome.health, outcome.fails_over, outcome.unsent) == (health, fails_over, unsent)
    assert not outcome.throttles


def test_each_fault_is_in_the_table_once() -> None:
    assert [fault_of(fault.reason) for fault in FAULTS] == list(FAULTS)


def test_an_answer_that_broke_off_is_a_fault_whatever_its_status() -> None:
    outcome = failure("ConnectionClosed", message="m", duration_seconds=1.0, status_code=200)
    assert (outcome.health, outcome.fails_over) == ("Down", True)


def test_no_other_target_is_tried_where_the_answer_says_when_to_come_back() -> None:
    assert answered(503).fails_over
    assert not answered(503, retry_after=5).fails_over


@pytest.mark.parametrize("kind", ["Delivered", "Disable", "Abort"])
def test_a_receiver_that_says_what_to_do_is_up_whatever_the_status(kind: str) -> None:
    outcome = Outcome(kind=kind, status_code=503, reason="HTTPStatus")  # type: ignore[arg-type] # parametrized
    assert (outcome.health, outcome.throttles, outcome.fails_over) == ("Up", False, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, set()),
        ("", set()),
        ("disable", {"disable"}),
        (" Disable ", {"disable"}),
        ("abort-message", {"abort-message"}),
        ("disable, abort-message", {"disable", "abort-message"}),
        ("enable", set()),
        ("disable;now", set()),
        ("disable" + " " * 200, set()),
    ],
)
def test_the_delivery_header(value: str | None, expected: set[str]) -> None:
    assert directives(value) == expected
