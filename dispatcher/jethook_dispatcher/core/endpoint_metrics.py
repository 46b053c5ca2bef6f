"""All endpoints of a process in figures, bounded: the first `max_endpoints` have series of their own, the rest share.

What is no longer this process's has no series: two members never tell of the same backlog.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from jethook_contract.metric_families import OTHER
from jethook_contract.plan import PlanPart
from jethook_dispatcher.core.answers import FAULTS
from jethook_dispatcher.core.endpoint_figures import Counts, EndpointFigures, PartFigures
from jethook_dispatcher.core.gate_values import GateReport
from jethook_dispatcher.core.outcome import ANSWERED, Outcome

Address = tuple[str, str]  # namespace and name of an endpoint

OTHERS: Address = (OTHER, OTHER)
MAX_REASONS = 40
_FAULTS = frozenset(fault.reason for fault in FAULTS)
_UNKNOWN = "Other"


class EndpointMetrics:
    """Take what the lanes report, in the words of `Reporter`, as pure arithmetic.

    `max_endpoints`: 0 gives none series of its own. An endpoint keeps its place until its last part is gone.
    """

    def __init__(self, *, max_endpoints: int) -> None:
        self._max_endpoints = max_endpoints
        self._named: dict[Address, EndpointFigures] = {}
        self._unnamed: dict[Address, EndpointFigures] = {}
        self._others = Counts()
        self._faults: Counter[str] = Counter()
        self._reasons: set[str] = set()

    @property
    def faults(self) -> Mapping[str, int]:
        """Give the attempts without a complete answer, by reason."""
        return self._faults

    @property
    def parts(self) -> int:
        """Count the parts that are served."""
        return sum(not part.refused for part in self._all_parts())

    @property
    def parts_refused(self) -> int:
        """Count the parts that cannot be served."""
        return sum(part.refused for part in self._all_parts())

    def shown(self) -> list[tuple[Address, Counts, list[EndpointFigures]]]:
        """Give what has series: each named endpoint, then the rest together once there has been any."""
        shown = [(address, one.counts, [one]) for address, one in self._named.items()]
        if self._unnamed or self._others.used:
            shown.append((OTHERS, self._others, list(self._unnamed.values())))
        return shown

    def attempted(self, part: PlanPart, outcome: Outcome, *, attempt: int, events: int) -> None:
        """Count an attempt that has ended; of an endpoint that is gone already it counts among the rest."""
        figures = self._named.get((part.namespace, part.endpoint.name))
        counts = self._others if figures is None else figures.counts
        counts.attempted(outcome, attempt=attempt, events=events)
        reason = outcome.reason
        if reason and reason != ANSWERED:
            self._faults[reason if reason in _FAULTS else _UNKNOWN] += 1

    def dead_lettered(self, part: PlanPart, *, reason: str) -> None:
        """Count an event that was given up."""
        if reason not in self._reasons and len(self._reasons) >= MAX_REASONS:
            reason = _UNKNOWN
        self._reasons.add(reason)
        self._counts(part).dead_lettered[reason] += 1

    def dead_letter_refused(self, part: PlanPart) -> None:
        """Count a dead letter that found no room."""
        self._counts(part).refused += 1

    def backlog(
        self, part: PlanPart, *, pending: int, unacknowledged: int, in_flight: int, oldest: datetime | None
    ) -> None:
        """Take what waits."""
        figures = self._part(part)
        if figures is not None:
            figures.pending, figures.unacknowledged, figures.in_flight = pending, unacknowledged, in_flight
            figures.oldest_stored_at = oldest

    def gate(self, namespace: str, endpoint: str, *, report: GateReport) -> None:
        """Take how an endpoint's gate stands."""
        figures = self._endpoint((namespace, endpoint))
        if figures is not None:
            figures.gate = report

    def parked(self, part: PlanPart, *, keys: int) -> None:
        """Take how many keys wait."""
        figures = self._part(part)
        if figures is not None:
            figures.parked = keys

    def part_changed(self, part: PlanPart) -> None:
        """Take a part that this process owns."""
        address = (part.namespace, part.endpoint.name)
        endpoint = self._endpoint(address)
        if endpoint is None:
            endpoint = self._new(address)
        endpoint.parts.setdefault(part.subscription.name, PartFigures()).refused = False

    def part_faulty(self, part: PlanPart) -> None:
        """Take that a part cannot be served."""
        figures = self._part(part)
        if figures is not None:
            figures.refused = True

    def part_gone(self, part: PlanPart) -> None:
        """Forget a part, and its endpoint with the last one."""
        address = (part.namespace, part.endpoint.name)
        endpoint = self._endpoint(address)
        if endpoint is None:
            return
        endpoint.parts.pop(part.subscription.name, None)
        if not endpoint.parts:
            self._named.pop(address, None)
            self._unnamed.pop(address, None)

    def _new(self, address: Address) -> EndpointFigures:
        named = len(self._named) < self._max_endpoints
        figures = EndpointFigures(Counts() if named else self._others)
        (self._named if named else self._unnamed)[address] = figures
        return figures

    def _endpoint(self, address: Address) -> EndpointFigures | None:
        return self._named.get(address) or self._unnamed.get(address)

    def _part(self, part: PlanPart) -> PartFigures | None:
        endpoint = self._endpoint((part.namespace, part.endpoint.name))
        return None if endpoint is None else endpoint.parts.get(part.subscription.name)

    def _counts(self, part: PlanPart) -> Counts:
        figures = self._named.get((part.namespace, part.endpoint.name))
        return self._others if figures is None else figures.counts

    def _all_parts(self) -> Iterator[PartFigures]:
        for endpoints in (self._named, self._unnamed):
            for endpoint in endpoints.values():
                yield from endpoint.parts.values()
