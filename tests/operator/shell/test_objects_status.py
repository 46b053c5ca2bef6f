"""The operator's half of a status as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from jethook_operator.core.resources import Key
from jethook_operator.core.status import Condition, StatusPatch
from jethook_operator.shell.objects_status import operators_half, status_document

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE = "2026-11-23T08:00:00Z"


def patch(status: Literal["True", "False"] = "True", **fields: Any) -> StatusPatch:
    return StatusPatch(
        key=Key("WebhookEndpoint", "ns", "e"),
        uid="u",
        observed_generation=3,
        conditions=(Condition(type="Ready", status=status, reason="Programmed", message="m"),),
        fields=fields,
    )


def current(status: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": BEFORE}]}


@pytest.mark.parametrize(
    ("known", "time"),
    [({}, "2026-11-24T12:00:00Z"), (current("False"), "2026-11-24T12:00:00Z"), (current("True"), BEFORE)],
)
def test_a_conditions_time_moves_with_its_status_only(known: dict[str, Any], time: str) -> None:
    written = status_document(patch(), current=known, now=NOW)
    assert written["conditions"][0]["lastTransitionTime"] == time


def test_the_document_holds_what_the_operator_owns_and_no_more() -> None:
    written = status_document(patch(url="https://a.example/x"), current=current("True"), now=NOW)
    assert set(written) == {"observedGeneration", "conditions", "url"}
    assert written["observedGeneration"] == 3


def test_what_dispatchers_write_is_no_difference() -> None:
    written = status_document(patch(), current={}, now=NOW)
    delivering = {"type": "Delivering", "status": "False", "lastTransitionTime": BEFORE}
    shown = {**written, "conditions": [delivering, *written["conditions"]], "delivery": {"delivered": 7}}
    assert operators_half(shown) == operators_half(written)


def test_a_condition_that_must_go_is_a_difference() -> None:
    written = status_document(patch(), current={}, now=NOW)
    stalled = {"type": "Stalled", "status": "True", "lastTransitionTime": BEFORE}
    shown = {**written, "conditions": [*written["conditions"], stalled]}
    assert operators_half(shown) != operators_half(written)
