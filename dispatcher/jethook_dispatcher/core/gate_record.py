"""The circuits of an endpoint as its record keeps them: by digest of the URL, with times of the clock on the wall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from jethook_contract.gate import CircuitRecord, GateRecord, target_digest
from jethook_contract.target import Target
from jethook_dispatcher.core.targets import CircuitMemory

_SAME_SECONDS = 1.0


def circuit_records(memories: Iterable[CircuitMemory], *, at: datetime) -> tuple[CircuitRecord, ...]:
    """Write down the circuits that are not closed; `at` is the aware time of this moment."""
    return tuple(
        CircuitRecord(
            target=target_digest(memory.url),
            closed_until=at + timedelta(seconds=memory.open_seconds),
            pause_seconds=memory.pause_seconds,
        )
        for memory in memories
    )


def circuit_memories(record: GateRecord, *, target: Target, at: datetime) -> list[CircuitMemory]:
    """Read them for the URLs that the target still has; a record from before there were `circuits` is about all."""
    urls = {target_digest(one.url): one.url for one in target.urls}
    circuits: Sequence[CircuitRecord] = record.circuits
    if not circuits and record.closed_until is not None:
        until, pause = record.closed_until, record.pause_seconds
        circuits = [CircuitRecord(target=one, closed_until=until, pause_seconds=pause) for one in urls]
    return [
        CircuitMemory(
            url=urls[circuit.target],
            open_seconds=max(0.0, (circuit.closed_until - at).total_seconds()),
            pause_seconds=circuit.pause_seconds,
        )
        for circuit in circuits
        if circuit.target in urls
    ]


def say_the_same(one: GateRecord, other: GateRecord, *, at: datetime) -> bool:
    """Tell whether a record made at `at` would replace an equal one; the end of a pause need not agree to the second.

    Spec and annotation count only while the endpoint is disabled, for which they are kept.
    """
    pairs = zip(one.circuits, other.circuits, strict=False)
    return (
        _essence(one) == _essence(other)
        and len(one.circuits) == len(other.circuits)
        and all(_alike(first, second, at=at) for first, second in pairs)
    )


def _alike(one: CircuitRecord, other: CircuitRecord, *, at: datetime) -> bool:
    if (one.target, one.pause_seconds) != (other.target, other.pause_seconds):
        return False
    if max(one.closed_until, other.closed_until) <= at:
        return True  # the probe is due by both
    return abs((one.closed_until - other.closed_until).total_seconds()) < _SAME_SECONDS


def _essence(record: GateRecord) -> tuple[object, ...]:
    disabled = record.disabled_reason
    kept = (record.generation, record.resume, record.disabled_message) if disabled else None
    return record.uid, disabled, kept, record.closed_until, record.pause_seconds
