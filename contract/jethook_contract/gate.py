"""What must outlive the owner of an endpoint: whether its receiver ended deliveries, and until when it is left alone.

A `GateRecord` is at `<namespace>.<endpoint>.gate` in `jethook-retries-<pool>`, written when it changes.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import AwareDatetime

from jethook_contract.record import Record


class CircuitRecord(Record):
    """The circuit of one target that is not closed.

    `target`: the `target_digest` of its URL. `closed_until`: no attempt before it, then one probe. `pause_seconds`: how
    long the present pause is.
    """

    target: str
    closed_until: AwareDatetime
    pause_seconds: int


class GateRecord(Record):
    """What a new owner goes on with; it counts only for the same `uid`.

    `disabled_reason`: CamelCase, empty while the receiver takes events; it holds for this `generation` and `resume`
    only (`resume`: the annotation's value). `circuits`: of the targets that may not be tried freely, one each.
    `closed_until` and `pause_seconds` are those of all targets in a record that has no `circuits`; they are read and
    not written any more.
    """

    version: Literal[1] = 1
    uid: str = ""
    generation: int = 0
    resume: str = ""
    disabled_reason: str = ""
    disabled_message: str = ""
    closed_until: AwareDatetime | None = None
    pause_seconds: int = 0
    circuits: tuple[CircuitRecord, ...] = ()


def gate_key(namespace: str, endpoint: str) -> str:
    """Name the key of one endpoint's record."""
    return f"{namespace}.{endpoint}.gate"


def target_digest(url: str) -> str:
    """Name a target in a record: 16 hexadecimal digits, since a URL may hold what only the plan should."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]
