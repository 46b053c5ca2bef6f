"""The operator's half of a status, as a value that an applier writes whole by server-side apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from jethook_operator.core.resources import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; `last_transition_time` is None until the applier knows whether `status` changed."""

    type: Literal["Ready", "Reconciling", "Stalled", "Durable"]
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPatch:
    """All that the operator says of one object: what it leaves out is removed.

    `fields` are further top-level status fields that the operator owns, in JSON form (`url`, `types`, `consumer`).
    """

    key: Key
    uid: str
    observed_generation: int
    conditions: tuple[Condition, ...]
    fields: Mapping[str, object] = field(default_factory=dict)
