"""How an answer becomes an outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_dispatcher.core.outcome import (
    MAX_EXCERPT_BYTES,
    MAX_RETRY_AFTER_SECONDS,
    Outcome,
    outcome_of_answer,
    retry_after_seconds,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def answer(status: int, body: bytes = b"", **headers: str) -> Outcome:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return outcome_of_answer(status, headers=given, body=body, now=NOW, duration_seconds=0.25)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_every_2xx_is_delivered(status: int) -> None:
    assert answer(status) == Outcome(kind="Delivered", status_code=status, duration_seconds=0.25)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 599, 999])
def test_everything_else_is_tried_again(status: int) -> None:
    outcome = answer(status)
    assert (outcome.kind, outcome.reason, outcome.status_code) == ("Retry", "HTTPStatus", status)
    assert not outcome.delivered
    assert outcome.message


def test_gone_disables_the_endpoint_and_the_event_waits() -> None:
    outcome = answer(410)
    assert (outcome.kind, outcome.disables, outcome.message) == ("Disable", True, "Gone")


@pytest.mark.parametrize(
    ("status", "header", "kind", "disables"),
    [
        (200, "disable", "Delivered", True),
        (200, "abort-message", "Delivered", False),
        (302, "disable", "Disable", True),
        (503, "disable", "Disable", True),
        (400, "Abort-Message", "Abort", False),
        (500, "abort-message", "Abort", False),
        (500, "disable, abort-message", "Abort", True),
        (410, "abort-message", "Abort", True),
        (410, "disable", "Disable", True),
        (500, "nonsense", "Retry", False),
    ],
)
def test_the_receiver_says_what_becomes_of_the_event_and_of_itself(
    status: int, header: str, kind: str, *, disables: bool
) -> None:
    outcome = outcome_of_answer(status, headers={"webhook-delivery": header}, body=b"", now=NOW, duration_seconds=0.0)
    assert (outcome.kind, outcome.disables, outcome.delivered) == (kind, disables, kind == "Delivered")


def test_messages_are_the_phrases_of_the_registry_not_of_the_receiver() -> None:
    assert answer(503).message == "Service Unavailable"
    assert answer(302).message == "Found (redirects are not followed)"
    assert answer(999).message == "unassigned status"


@pytest.mark.parametrize("status", [302, 400, 410, 429, 500, 503])
def test_retry_after_is_read_on_any_failing_status(status: int) -> None:
    assert answer(status, Retry_After="120").retry_after_seconds == 120


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 7 ", 7),
        ("120", 120),
        ("9" * 40, MAX_RETRY_AFTER_SECONDS),
        ("9" * 5000, None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("\u0661\u0662", None),
        ("Tue, 24 Nov 2026 10:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 0),
        ("Tuesday, 24-Nov-26 10:00:30 GMT", 30),
        ("Tue Nov 24 10:00:30 2026", 30),
        ("Tue, 99 Nov 2026 10:02:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
    ],
)
def test_retry_after(value: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


@given(offset=st.integers(0, 10**6), fraction=st.integers(0, 999_999))
def test_a_retry_after_date_is_never_early_and_under_a_second_late(offset: int, fraction: int) -> None:
    now = NOW + timedelta(microseconds=fraction)
    date = NOW + timedelta(seconds=offset)
    seconds = retry_after_seconds(format_datetime(date, usegmt=True), now=now)
    assert seconds is not None
    assert timedelta() <= now + timedelta(seconds=seconds) - max(date, now) < timedelta(seconds=1)


@given(value=st.text())
def test_no_retry_after_text_raises(value: str) -> None:
    seconds = retry_after_seconds(value, now=NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS


@given(body=st.binary(max_size=4096))
def test_the_excerpt_is_printable_and_bounded(body: bytes) -> None:
    excerpt = answer(500, body).answer_excerpt
    assert excerpt.isprintable()
    assert len(excerpt) <= MAX_EXCERPT_BYTES
