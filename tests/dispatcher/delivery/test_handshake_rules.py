"""What a handshake asks, and what answers mean (CloudEvents, HTTP 1.1 Web Hooks for Event Delivery, section 4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jethook_dispatcher.core.handshake import handshake_headers, pause_seconds, result_of_answer

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ORIGIN = "events.example.com"


def test_asks_for_the_rate_by_the_minute() -> None:
    assert handshake_headers(origin=ORIGIN, requests_per_second=2) == (
        ("webhook-request-origin", ORIGIN),
        ("webhook-request-rate", "120"),
    )


def test_asks_for_no_rate_where_there_is_no_limit() -> None:
    assert handshake_headers(origin=ORIGIN, requests_per_second=None) == (("webhook-request-origin", ORIGIN),)


@pytest.mark.parametrize(
    ("status", "allowed_origin", "allowed_rate", "state", "per_minute"),
    [
        (200, ORIGIN, "120", "Allowed", 120),
        (204, "*", "100", "Allowed", 100),
        (200, "Events.Example.COM", "1", "Allowed", 1),
        (200, " * ", " 7 ", "Allowed", 7),
        (200, ORIGIN, "*", "Allowed", None),
        (200, ORIGIN, None, "Allowed", None),
        (405, ORIGIN, "60", "Allowed", 60),
        (200, ORIGIN, "9" * 18, "Allowed", 1_000_000_000),
        (200, ORIGIN, "0", "Refused", None),
        (200, ORIGIN, "-5", "Refused", None),
        (200, ORIGIN, "1.5", "Refused", None),
        (200, ORIGIN, "many", "Refused", None),
        (200, ORIGIN, "", "Refused", None),
        (200, ORIGIN, "9" * 30, "Refused", None),
        (200, "other.example.com", "120", "Refused", None),
        (200, f"{ORIGIN}, other", "120", "Refused", None),
        (200, f"evil-{ORIGIN}", "120", "Refused", None),
        (200, None, "120", "Refused", None),
        (200, "", "120", "Refused", None),
        (204, None, None, "Refused", None),
        (302, None, None, "Refused", None),
        (401, None, None, "Refused", None),
        (404, None, None, "Refused", None),
        (405, None, None, "Refused", None),
        (410, None, None, "Refused", None),
        (501, None, None, "Refused", None),
        (408, None, None, "Pending", None),
        (429, None, None, "Pending", None),
        (500, None, None, "Pending", None),
        (503, None, None, "Pending", None),
    ],
)
def test_answer_is_judged_by_its_headers(
    status: int, allowed_origin: str | None, allowed_rate: str | None, state: str, per_minute: int | None
) -> None:
    pairs = {"webhook-allowed-origin": allowed_origin, "webhook-allowed-rate": allowed_rate}
    headers = {name: value for name, value in pairs.items() if value is not None}
    result = result_of_answer(status, headers=headers, origin=ORIGIN, at=NOW)
    assert (result.state, result.requests_per_minute, result.at) == (state, per_minute, NOW)
    assert result.message


def test_message_repeats_nothing_foreign() -> None:
    headers = {"webhook-allowed-origin": "hunter2", "webhook-allowed-rate": "hunter2"}
    assert "hunter2" not in result_of_answer(200, headers=headers, origin=ORIGIN, at=NOW).message


def test_pauses_grow_from_five_seconds_to_five_minutes() -> None:
    assert [pause_seconds(failures) for failures in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert pause_seconds(10**6) == 300
