"""CESQL against the conformance kit of its specification, whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.event import CORE, CloudEvent
from jethook_processing.cesql import Cesql

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cesql_kit" / "vectors.json").read_text())
FAULTS = {
    "math": "Math",
    "cast": "Cast",
    "missingFunction": "MissingFunction",
    "functionEvaluation": "FunctionEvaluation",
    "missingAttribute": "MissingAttribute",
}
BARE = {"specversion": "1.0", "id": "1", "source": "/kit", "type": "com.example.kit"}


def event_of(case: dict[str, Any]) -> CloudEvent:
    attributes = case.get("event") or {**BARE, **case.get("eventOverrides", {})}
    core = {name: value for name, value in attributes.items() if name in CORE}
    return CloudEvent(**core, extensions={name: value for name, value in attributes.items() if name not in CORE})


def test_the_kit_is_whole() -> None:
    assert len(CASES) == 275
    assert len({case["suite"] for case in CASES}) == 18


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['suite']}: {case['expression']}")
def test_an_expression_gives_what_the_kit_says(case: dict[str, Any]) -> None:
    if case.get("error") == "parse":
        with pytest.raises(Invalid) as refused:
            Cesql(case["expression"])
        assert refused.value.reason == "BadExpression"
        return
    value, faults = Cesql(case["expression"])(event_of(case))
    if "result" in case:
        assert (type(value), value) == (type(case["result"]), case["result"])
    assert {fault.kind for fault in faults} == ({FAULTS[case["error"]]} if "error" in case else set())
