"""What must outlive the owner of an endpoint: whether its receiver ended deliveries, and until when it is left alone.

A `GateRecord` is at `<namespace>.<endpoint>.gate` in `jethook-retries-<pool>`, written when it changes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from jethook_contract.record import Record


class GateRecord(Record):
    """What a new owner goes on with; it counts only for the same `uid`.

    `disabled_reason`: CamelCase, empty while the receiver takes events; it holds for this `generation` and `resume`
    only (`resume`: the annotation's value). `closed_until`: no attempt before it, the circuit then lets one probe
    through. `pause_seconds`: how long the last pause of the circuit was.
    """

    version: Literal[1] = 1
    uid: str = ""
    generation: int = 0
    resume: str = ""
    disabled_reason: str = ""
    disabled_message: str = ""
    closed_until: AwareDatetime | None = None
    pause_seconds: int = 0


def gate_key(namespace: str, endpoint: str) -> str:
    """Name the key of one endpoint's record."""
    return f"{namespace}.{endpoint}.gate"
