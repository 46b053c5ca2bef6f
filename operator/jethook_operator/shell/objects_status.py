"""The operator's half of a status as JSON, the same for the Kubernetes API and for the objects bucket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jethook_operator.core.status import Condition, StatusPatch

Json = dict[str, Any]
_DISPATCHERS_FIELD = "delivery"
_DISPATCHERS_CONDITION = "Delivering"


def status_document(patch: StatusPatch, *, current: Mapping[str, Any], now: datetime) -> Json:
    """Write a status out; a condition keeps its time from `current` while its `status` is the same."""
    known = {condition["type"]: condition for condition in current.get("conditions") or []}
    return {
        "observedGeneration": patch.observed_generation,
        "conditions": [
            _condition(one, known=known.get(one.type), generation=patch.observed_generation, now=now)
            for one in patch.conditions
        ],
        **patch.fields,
    }


def operators_half(status: Mapping[str, Any]) -> Json:
    """Leave out of a status what the dispatchers own; the order of conditions does not count."""
    own = {name: value for name, value in status.items() if name != _DISPATCHERS_FIELD}
    conditions = [one for one in own.get("conditions") or [] if one["type"] != _DISPATCHERS_CONDITION]
    return {**own, "conditions": sorted(conditions, key=lambda one: str(one["type"]))}


def _condition(one: Condition, *, known: Mapping[str, Any] | None, generation: int, now: datetime) -> Json:
    time = one.last_transition_time.strftime(_TIME) if one.last_transition_time else now.strftime(_TIME)
    if known is not None and known["status"] == one.status:
        time = known["lastTransitionTime"]
    return {
        "type": one.type,
        "status": one.status,
        "reason": one.reason,
        "message": one.message,
        "lastTransitionTime": time,
        "observedGeneration": generation,
    }


_TIME = "%Y-%m-%dT%H:%M:%SZ"
