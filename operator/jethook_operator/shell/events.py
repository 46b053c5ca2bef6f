"""Kubernetes Events, aggregated: what repeats within ten minutes raises the count of one Event instead of making more.

`record` never waits. What is to be posted lies in a bounded buffer, one entry a series; a series that goes on before
it was posted costs nothing more.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import structlog

from jethook_contract.errors import JethookError
from jethook_contract.names import OPERATOR_MANAGER
from jethook_operator.core.resources import Key
from jethook_operator.shell.kube_budget import TokenBucket
from jethook_operator.shell.kube_kinds import GROUP, VERSION

WINDOW = timedelta(minutes=10)
_PRUNE_INTERVAL = timedelta(seconds=10)  # a walk over all series is not for every event of a flood
_MAX_SERIES = 5_000
_MAX_MESSAGE = 1_024  # the API server's own bound
_TIME = "%Y-%m-%dT%H:%M:%SZ"
Severity = Literal["Normal", "Warning"]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _What:
    """What makes two occurrences the same."""

    key: Key
    uid: str
    severity: Severity
    reason: str
    message: str


@dataclass(slots=True)
class _Series:
    """The occurrences of one thing within a window."""

    first: datetime
    last: datetime
    count: int = 1


class Applier(Protocol):
    """The one request that Events need; `KubeApi` has it."""

    async def apply(self, path: str, body: Mapping[str, object], *, manager: str) -> Mapping[str, Any]:
        """Server-side apply; raise Unavailable when it fails."""


class KubeEvents:
    """Record events on objects, and post them while `run` runs; `dropped` counts those that found no room."""

    def __init__(self, api: Applier, *, bucket: TokenBucket, clock: Callable[[], datetime]) -> None:
        self.dropped = 0
        self._api = api
        self._bucket = bucket
        self._clock = clock
        self._series: dict[_What, _Series] = {}
        self._due: dict[_What, None] = {}
        self._prune_again = clock()
        self._wake = asyncio.Event()

    def record(self, key: Key, *, uid: str, severity: Severity, reason: str, message: str) -> None:
        """Record one event on an object."""
        what = _What(key, uid, severity, reason, message[:_MAX_MESSAGE])
        now = self._clock()
        known = self._series.get(what)
        if known is not None and now - known.first < WINDOW:
            known.count += 1
            known.last = now
        elif not self._has_room(now):
            self.dropped += 1
            return
        else:
            self._series[what] = _Series(first=now, last=now)
        self._due[what] = None
        self._wake.set()

    async def run(self) -> None:
        """Post what is recorded, until cancelled; one that cannot be posted is logged and let go."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                await self._bucket.take()
                what = next(iter(self._due))
                del self._due[what]
                await self._post(what)

    def _has_room(self, now: datetime) -> bool:
        if len(self._series) >= _MAX_SERIES and now >= self._prune_again:
            self._prune_again = now + _PRUNE_INTERVAL
            self._series = {
                what: one for what, one in self._series.items() if what in self._due or now - one.first < WINDOW
            }
        return len(self._series) < _MAX_SERIES

    async def _post(self, what: _What) -> None:
        name, body = event_document(what, self._series[what])
        try:
            # An apply makes the Event or replaces it, so that a repeated post does no harm.
            await self._api.apply(
                f"/api/v1/namespaces/{what.key.namespace}/events/{name}", body, manager=OPERATOR_MANAGER
            )
        except JethookError as exc:
            _log.warning("event_not_posted", object=str(what.key), event_reason=what.reason, reason=exc.reason)


def event_document(what: _What, series: _Series) -> tuple[str, Mapping[str, object]]:
    """Write an Event out; its name is the same for a whole series."""
    identity = f"{what}/{series.first.isoformat()}".encode()
    name = f"{what.key.name}.{hashlib.sha256(identity).hexdigest()[:16]}"
    return name, {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": what.key.namespace},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": what.key.kind,
            "namespace": what.key.namespace,
            "name": what.key.name,
            "uid": what.uid,
        },
        "type": what.severity,
        "reason": what.reason,
        "message": what.message,
        "count": series.count,
        "firstTimestamp": series.first.strftime(_TIME),
        "lastTimestamp": series.last.strftime(_TIME),
        "source": {"component": OPERATOR_MANAGER},
        "reportingComponent": OPERATOR_MANAGER,
        "reportingInstance": OPERATOR_MANAGER,
    }
