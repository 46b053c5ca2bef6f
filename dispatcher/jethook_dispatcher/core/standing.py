"""What holds an endpoint's deliveries back, and which keys of a Subscription wait, as the status tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jethook_contract.status import HandshakeStatus, ParkedKey
from jethook_dispatcher.core.gate_values import GateReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an endpoint's gate stands; `next_probe_at` is None while no circuit is open."""

    report: GateReport
    next_probe_at: datetime | None = None
    handshake: HandshakeStatus | None = None

    def turned_from(self, before: Standing | None) -> bool:
        """Tell whether the state in words may differ, so that it is worth a write at once."""
        return before is None or _words(self) != _words(before)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedKeys:
    """Which keys of an ordered Subscription wait; `keys` are at most ten, `count` all of them.

    `blocked`: all places are taken by waiting keys, so that nothing goes on (`KeyBlocked`).
    """

    keys: tuple[ParkedKey, ...] = ()
    count: int = 0
    blocked: bool = False


def _words(standing: Standing) -> tuple[object, ...]:
    report, shake = standing.report, standing.handshake
    held = report.limited_by if report.limited_by not in ("RequestsPerSecond", "MaxInFlight") else None
    return held, report.circuit, report.disabled, report.pause_seconds, shake.state if shake else None
