"""Ask an endpoint's receiver for consent before anything is sent to it, once for each owner and each spec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jethook_contract.status import HandshakeStatus
from jethook_contract.target import Target
from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.handshake import HandshakeResult, pause_seconds
from jethook_dispatcher.core.request import AskingRequest, RequestForm

_SECONDS_PER_MINUTE = 60.0


class Consent(Protocol):
    """What a lane needs of the HTTP side to ask."""

    async def ask(self, request: AskingRequest, *, requests_per_second: int | None) -> HandshakeResult:
        """Ask once; never raises for a refusal."""


class LaneHandshake:
    """Hold the answers of one endpoint's targets: all must consent, the lowest rate counts.

    `status` is None where no handshake is wanted, or none was made yet.
    """

    def __init__(self, consent: Consent) -> None:
        self.status: HandshakeStatus | None = None
        self._consent = consent
        self._target: Target | None = None
        self._form: RequestForm | None = None
        self._failures = 0
        self._ask_at: float | None = None
        self._asking = False

    def put(self, target: Target, *, form: RequestForm) -> None:
        """Follow the spec; another one is asked for anew."""
        if target != self._target:
            self.forget()
        self._target, self._form = target, form

    def forget(self) -> None:
        """Ask again, as a new owner does."""
        self.status, self._failures, self._ask_at = None, 0, 0.0

    def apply(self, gate: Gate) -> None:
        """Tell the gate what was allowed."""
        wanted = self._target is not None and self._target.handshake == "CloudEvents"
        allowed = self.status is not None and self.status.state == "Allowed"
        gate.refuse(wanted and not allowed)
        minute = self.status.requests_per_minute if wanted and self.status is not None else None
        gate.allow_rate(None if minute is None else minute / _SECONDS_PER_MINUTE)

    def due(self, *, now: float) -> bool:
        """Tell whether it is time to ask."""
        wanted = self._target is not None and self._target.handshake == "CloudEvents"
        return wanted and not self._asking and self._ask_at is not None and now >= self._ask_at

    async def ask(self, *, now: float) -> None:
        """Ask all targets; what was not reached is asked again after a growing pause."""
        target, form = self._target, self._form
        if target is None or form is None:
            return
        self._asking = True
        try:
            rate = target.limits.requests_per_second
            asked = [form.asking(target=index) for index in range(len(target.urls))]
            results = [await self._consent.ask(one, requests_per_second=rate) for one in asked]
        finally:
            self._asking = False
        if target is self._target:
            self._take(_worst(results), rates=[one.requests_per_minute for one in results], now=now)

    def _take(self, worst: HandshakeResult, *, rates: Sequence[int | None], now: float) -> None:
        self.status = HandshakeStatus(
            state=worst.state,
            requests_per_minute=min((rate for rate in rates if rate is not None), default=None),
            time=worst.at.replace(microsecond=0),
            message=worst.message,
        )
        if worst.state == "Pending":
            self._failures += 1
            self._ask_at = now + pause_seconds(self._failures)
        else:
            self._failures, self._ask_at = 0, None


def _worst(results: Sequence[HandshakeResult]) -> HandshakeResult:
    order = ("Refused", "Pending", "Allowed")
    return min(results, key=lambda result: order.index(result.state))
