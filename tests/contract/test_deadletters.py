"""What a dead letter's headers say, whoever wrote them."""

from datetime import UTC, datetime

import pytest

from jethook_contract import deadletters
from jethook_contract.errors import Invalid

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SUBJECT = "jethook.deadletters.shop.orders"
FULL = {
    "ce-type": "a.b",
    "Nats-Msg-Id": "x",
    "jethook-reason": "forged by a producer",
    deadletters.REASON: "AttemptsExhausted",
    deadletters.ATTEMPTS: "12",
    deadletters.STATUS_CODE: "503",
    deadletters.DIED_AT: "2026-11-24T09:00:00+00:00",
    deadletters.STORED_AT: "2026-11-23T09:00:00+00:00",
    deadletters.EVENT_SEQUENCE: "7",
    deadletters.ENDPOINT: "shop/crm",
}


def _read(headers: dict[str, str] | None, *, subject: str = SUBJECT) -> deadletters.DeadLetter:
    return deadletters.read(sequence=3, subject=subject, headers=headers, data=b"{}", time=NOW)


def test_a_dead_letter_says_why_and_keeps_what_the_producer_sent() -> None:
    letter = _read(FULL)
    assert (letter.namespace, letter.subscription, letter.sequence) == ("shop", "orders", 3)
    assert (letter.reason, letter.attempts, letter.status_code) == ("AttemptsExhausted", 12, 503)
    assert (letter.event_sequence, letter.endpoint) == (7, "shop/crm")
    assert letter.died_at == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert letter.stored_at == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert letter.headers == {"ce-type": "a.b"}


@pytest.mark.parametrize("wrong", ["", "-1", "x", "9" * 30, "\u0663"])
def test_what_a_header_says_wrongly_is_unknown(wrong: str) -> None:
    letter = _read({deadletters.ATTEMPTS: wrong, deadletters.DIED_AT: wrong, deadletters.STORED_AT: wrong})
    assert (letter.attempts, letter.died_at, letter.stored_at) == (0, NOW, None)


def test_a_dead_letter_without_headers_can_be_read() -> None:
    assert _read(None).reason == "Unknown"


@pytest.mark.parametrize("subject", ["jethook.events.shop.a", "jethook.deadletters.shop"])
def test_other_subjects_are_refused(subject: str) -> None:
    with pytest.raises(Invalid, match="BadSubject"):
        _read({}, subject=subject)


def test_a_text_for_a_header_is_one_line_and_bounded() -> None:
    assert deadletters.one_line("a\r\nb") == "a  b"
    assert len(deadletters.one_line("x" * 10_000)) == deadletters.MAX_HEADER_CHARACTERS
