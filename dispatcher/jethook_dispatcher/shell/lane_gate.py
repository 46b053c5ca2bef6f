"""The gate of one lane, with what surrounds it: the record that outlives an owner, and what is reported of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from jethook_contract.errors import Unavailable
from jethook_contract.gate import GateRecord
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.gate import Gate
from jethook_dispatcher.core.gate_record import circuit_memories, circuit_records, say_the_same
from jethook_dispatcher.core.request import RequestForm
from jethook_dispatcher.core.standing import Standing
from jethook_dispatcher.shell.lane_grant import Grant
from jethook_dispatcher.shell.lane_handshake import LaneHandshake
from jethook_dispatcher.shell.lane_reports import GateNote
from jethook_dispatcher.shell.lane_services import LaneServices

_log = structlog.get_logger(__name__)


class LaneGate:
    """Hold the gate of one endpoint; `gate` is None until a part with a target came.

    `loaded`: what the former owner left is known, so that attempts may start.
    """

    def __init__(self, services: LaneServices, *, namespace: str, endpoint: str) -> None:
        self.gate: Gate | None = None
        self.loaded = False
        self._services = services
        self._namespace = namespace
        self._endpoint = endpoint
        self._part: PlanPart | None = None
        self._grant: Grant | None = None
        self._stored: GateRecord | None = None
        self._told: Standing | None = None
        self._seen: int | None = None
        self._handshake = LaneHandshake(services.consent)

    @property
    def shut(self) -> bool:
        """Tell whether no attempt may start now, whatever ends."""
        return self.gate is not None and self.gate.width(now=self._services.clock.monotonic()) == 0

    @property
    def _at_rest(self) -> bool:
        told = self._told
        if told is None or told.report.limited_by is not None or told.report.circuit != "Closed":
            return False
        return told.report.open_targets == 0 and self._stored is None

    def rests(self, *, begun: int) -> bool:
        """Tell whether a tick would find nothing to look at; `begun` as there."""
        return self.gate is None or not self.loaded or (begun == self._seen and self._at_rest)

    def put(self, part: PlanPart, *, form: RequestForm | None) -> None:
        """Follow the endpoint's spec; a changed one, or another `resume`, takes up again what the receiver ended."""
        if part.target is None or form is None:
            return
        now = self._services.clock.monotonic()
        self._handshake.put(part.target, form=form)
        if self.gate is None:
            self.gate = Gate(part.target, now=now)
        else:
            self.gate.update(part.target, now=now)
        self._handshake.apply(self.gate)
        if self._part is not None and _spelled(self._part) != _spelled(part):
            self.gate.enable(now=now)
            self.changed()
        self._part = part

    def gain(self, grant: Grant) -> None:
        """Begin anew under a grant: with an empty bucket, and with what the former owner left."""
        self._grant, self.loaded, self._stored, self._told = grant, False, None, None
        if self._part is not None and self._part.target is not None:
            self.gate = Gate(self._part.target, now=self._services.clock.monotonic())
            self._handshake.forget()
            self._handshake.apply(self.gate)

    async def load(self) -> None:
        """Read what the former owner left; raises Unavailable."""
        if self.loaded:
            return
        grant = self._grant
        record = await self._services.gates.load(self._namespace, self._endpoint)
        if grant is self._grant and not self.loaded:
            self._restore(record)
            self.loaded = True

    def changed(self) -> None:
        """Write and tell what has changed, if anything has."""
        if self.loaded and self._grant is not None and self._grant.holds():
            self._services.spawn(self.tick())

    async def tick(self, *, begun: int | None = None) -> None:
        """Write the record when it changed, and tell what keeps deliveries back when that changed.

        `begun` counts the lane's attempts: where none was made since the last tick and nothing holds the endpoint back,
        there is nothing to look at; None looks anyway.
        """
        if self.gate is None or not self.loaded or (begun is not None and begun == self._seen and self._at_rest):
            return
        self._seen = begun
        self._shake_hands(now=self._services.clock.monotonic())
        standing = self._standing(self.gate)
        if standing != self._told:
            self._told = standing
            note = GateNote(namespace=self._namespace, endpoint=self._endpoint, standing=standing)
            self._services.reporter.gate(note)
        await self.save()

    def _shake_hands(self, *, now: float) -> None:
        if self._handshake.due(now=now) and self._grant is not None and self._grant.may_start():
            self._services.spawn(self._ask(now=now))

    async def _ask(self, *, now: float) -> None:
        await self._handshake.ask(now=now)
        if self.gate is not None:
            self._handshake.apply(self.gate)

    async def save(self) -> None:
        """Write the record when it says something else than the stored one."""
        record = self._record()
        if record is None or self._grant is None or not self._grant.holds():
            return
        if self._stored is not None and say_the_same(record, self._stored, at=self._services.clock.now()):
            return
        before, self._stored = self._stored, record
        try:
            await self._services.gates.save(self._namespace, self._endpoint, record=record)
        except Unavailable as exc:
            self._stored = before
            _log.warning("gate record not written", endpoint=self._endpoint, reason=exc.reason)

    def _standing(self, gate: Gate) -> Standing:
        report = gate.report(now=self._services.clock.monotonic())
        # Half-open the probe is due or under way: its moment would only move with the clock.
        seconds = report.next_probe_in_seconds if report.circuit != "HalfOpen" else None
        at = None if seconds is None else self._services.clock.now() + timedelta(seconds=seconds)
        # Rounded, and the moving figure left out, so that an unchanged gate reads equal a second later.
        rounded = None if at is None else (at + timedelta(milliseconds=500)).replace(microsecond=0)
        return Standing(
            report=replace(report, next_probe_in_seconds=None), next_probe_at=rounded, handshake=self._handshake.status
        )

    def _record(self) -> GateRecord | None:
        gate, part = self.gate, self._part
        if gate is None or part is None or part.target is None:
            return None
        now = self._services.clock.monotonic()
        memory, disabled = gate.memory(now=now), gate.report(now=now).disabled
        if not memory and disabled is None and self._stored is None:
            return None  # nothing to remember, and nothing to forget
        return GateRecord(
            uid=part.endpoint.uid,
            generation=part.endpoint.generation,
            resume=part.target.resume,
            disabled_reason=disabled.reason if disabled else "",
            disabled_message=disabled.message if disabled else "",
            circuits=circuit_records(memory, at=self._services.clock.now()),
        )

    def _restore(self, record: GateRecord | None) -> None:
        gate, part = self.gate, self._part
        target = None if part is None else part.target
        if record is None or gate is None or part is None or target is None or record.uid != part.endpoint.uid:
            return
        self._stored = record
        same = (record.generation, record.resume) == (part.endpoint.generation, target.resume)
        if record.disabled_reason and same:
            gate.disable(reason=record.disabled_reason, message=record.disabled_message)
        memories = circuit_memories(record, target=target, at=self._services.clock.now())
        gate.restore(memories, now=self._services.clock.monotonic())


def _spelled(part: PlanPart) -> tuple[int, str, str]:
    return part.endpoint.generation, part.endpoint.uid, part.target.resume if part.target else ""
