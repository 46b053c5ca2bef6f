"""Which Events tell of a turn in how deliveries go."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from jethook_contract.status import DeliveryState
from jethook_operator.core.delivery_events import (
    NOTHING,
    TROUBLES,
    DeliveryLook,
    Known,
    at_first_sight,
    look_at,
    turned,
)
from jethook_operator.core.resources import Kind

Told = list[tuple[str, str]]
WELL: dict[str, Any] = {"state": "Healthy"}
UNKNOWN = {"state": "Pending", "status": "Unknown", "reason": "SecretNotFound"}
REFUSED = {"state": "Pending", "status": "False", "reason": "HandshakeRefused", "message": "no consent"}


def look(state: DeliveryState, **more: str) -> DeliveryLook:
    return DeliveryLook(state=state, **more)


def told_of(*looks: dict[str, Any] | str, kind: Kind) -> list[Told]:
    """Give severity and reason of what is recorded at each look but the first."""
    seen = [DeliveryLook(**({"state": one} if isinstance(one, str) else one)) for one in looks]
    known: Known = at_first_sight(seen[0], kind=kind)
    told: list[Told] = []
    for one in seen[1:]:
        known, notes = turned(known, one, kind=kind)
        told.append([(note.severity, note.reason) for note in notes])
    return told


# Each trouble: from healthy into it, and back.
TURNS: dict[DeliveryState, tuple[Kind, str, str, str]] = {
    "Disabled": ("WebhookEndpoint", "Warning", "Disabled", "Resumed"),
    "CircuitOpen": ("WebhookEndpoint", "Warning", "CircuitOpened", "CircuitClosed"),
    "KeyBlocked": ("Subscription", "Warning", "KeyBlocked", "Recovered"),
    "RetryBacklogFull": ("Subscription", "Warning", "RetryBacklogFull", "Recovered"),
    "DeadLettersFull": ("Subscription", "Warning", "DeadLettersFull", "Recovered"),
    "Failing": ("WebhookEndpoint", "Warning", "Failing", "Recovered"),
    "Throttled": ("WebhookEndpoint", "Normal", "Throttled", "Recovered"),
    "NearlyFull": ("Subscription", "Warning", "NearlyFull", "Recovered"),
    "Degraded": ("WebhookEndpoint", "Warning", "Degraded", "Recovered"),
}
NO_TROUBLE = {"Suspended", "Idle", "Healthy"}


@pytest.mark.parametrize("state", TURNS)
def test_a_trouble_is_told_when_it_begins_and_when_it_ends(state: DeliveryState) -> None:
    kind, severity, began, ended = TURNS[state]
    told = told_of("Healthy", state, state, "Healthy", "Healthy", kind=kind)
    assert told == [[(severity, began)], [], [("Normal", ended)], []]


def test_every_state_is_a_trouble_with_its_turns_or_none() -> None:
    assert set(TURNS) | {"Pending"} == set(TROUBLES)
    assert set(TROUBLES) | NO_TROUBLE == set(get_args(DeliveryState))
    assert list(TROUBLES) == [state for state in get_args(DeliveryState) if state in TROUBLES]


@pytest.mark.parametrize("state", ["Disabled", "CircuitOpen", "Throttled"])
def test_what_is_wrong_with_the_receiver_is_told_on_the_endpoint_alone(state: str) -> None:
    assert told_of("Healthy", state, "Healthy", kind="Subscription") == [[], []]


@pytest.mark.parametrize("state", ["KeyBlocked", "RetryBacklogFull", "DeadLettersFull", "NearlyFull"])
def test_what_is_wrong_with_waiting_events_is_told_on_the_subscription_alone(state: str) -> None:
    assert told_of("Healthy", state, "Healthy", kind="WebhookEndpoint") == [[], []]


@pytest.mark.parametrize("state", [*TURNS, REFUSED])
def test_the_first_sight_records_nothing_and_the_end_of_what_was_there_is_told(state: str | dict[str, Any]) -> None:
    kind = TURNS[state][0] if isinstance(state, str) else "WebhookEndpoint"  # type: ignore[index]  # a DeliveryState
    (told,) = told_of(state, "Healthy", kind=kind)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        # What is hidden goes on being known.
        (["CircuitOpen", "Suspended", "CircuitOpen"], [[], []]),
        (["CircuitOpen", "Suspended", "Healthy"], [[], ["CircuitClosed"]]),
        (["CircuitOpen", UNKNOWN, "Idle"], [[], ["CircuitClosed"]]),
        (["Throttled", "CircuitOpen", "Throttled"], [["CircuitOpened"], ["CircuitClosed"]]),
        (["Degraded", "Failing", "Degraded"], [["Failing"], ["Recovered"]]),
        # Of several that are over the gravest is told.
        (["Healthy", "Failing", "CircuitOpen", "Healthy"], [["Failing"], ["CircuitOpened"], ["CircuitClosed"]]),
        # One that is over and one that begins are two.
        (["CircuitOpen", "Degraded"], [["CircuitClosed", "Degraded"]]),
        (["Disabled", "Failing"], [["Resumed", "Failing"]]),
        # Pending by its reason.
        (["Healthy", UNKNOWN, "Healthy"], [[], []]),
        (["Healthy", REFUSED, REFUSED, "Healthy"], [["HandshakeRefused"], [], ["Recovered"]]),
        (["Healthy", REFUSED, {**REFUSED, "reason": "HandshakePending"}], [["HandshakeRefused"], ["HandshakePending"]]),
        (["Healthy", {**REFUSED, "reason": "BadSigningKey"}], [["BadSigningKey"]]),
        (["Disabled", REFUSED, "Healthy"], [["HandshakeRefused"], ["Recovered"]]),
    ],
)
def test_turns_one_after_the_other(looks: list[Any], told: list[list[str]]) -> None:
    found = told_of(*looks, kind="WebhookEndpoint")
    assert [[reason for _, reason in one] for one in found] == told


def test_a_disabled_endpoint_names_the_receivers_reason() -> None:
    disabled = look("Disabled", status="False", message="the receiver answered 410; to resume, ...")
    _, (note,) = turned(NOTHING, disabled, kind="WebhookEndpoint")
    assert note.message == "the receiver answered 410; to resume, ..."


def test_repeats_of_an_error_read_the_same_so_that_they_are_one_event_that_counts() -> None:
    messages = set()
    for count in (14, 15):
        shown = look("CircuitOpen", message=f"503 ({count} failures within a minute)", error="503 Service Unavailable")
        _, (note,) = turned(NOTHING, shown, kind="WebhookEndpoint")
        messages.add(note.message)
    assert len(messages) == 1
    assert messages.pop().startswith("503 Service Unavailable; ")


@pytest.mark.parametrize("length", [10, 5_000])
def test_a_message_has_its_bound(length: int) -> None:
    _, (note,) = turned(NOTHING, look("Failing", error="x" * length), kind="WebhookEndpoint")
    assert len(note.message) <= 1_024


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ({}, None),
        ({"delivery": {}}, None),
        ({"delivery": {"state": "SomethingNew"}}, None),
        ({"delivery": {"state": "Idle"}}, look("Idle")),
        (
            {
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "Programmed"},
                    {"type": "Delivering", "status": "False", "reason": "CircuitOpen", "message": "503"},
                ],
                "delivery": {
                    "state": "CircuitOpen",
                    "lastError": {"reason": "HTTPStatus", "statusCode": 503, "message": "Service Unavailable"},
                },
            },
            look("CircuitOpen", status="False", reason="CircuitOpen", message="503", error="503 Service Unavailable"),
        ),
        (
            {"delivery": {"state": "Failing", "lastError": {"reason": "Timeout", "statusCode": 0, "message": "late"}}},
            look("Failing", error="late"),
        ),
        ({"delivery": {"state": "Failing", "lastError": {"reason": "Timeout"}}}, look("Failing", error="Timeout")),
    ],
)
def test_a_status_is_read(status: dict[str, Any], seen: DeliveryLook | None) -> None:
    assert look_at(status) == seen


def test_the_page_on_status_tells_of_every_event() -> None:
    page = (Path(__file__).parents[3] / "docs" / "status.md").read_text()
    text = page.partition("<!-- events -->\n")[2].partition("<!-- /events -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    told = []
    for state, events in TROUBLES.items():
        on = "both" if len(events.kinds) > 1 else next(iter(events.kinds))
        began = f"{events.severity} `{events.began}`" if events.began else rows[0][2]
        told.append([f"`{state}`", on, began, f"Normal `{events.ended}`"])
    assert rows == told
    assert rows[0][2].startswith("Warning, the condition's reason")
