"""Write the endpoints' figures in Prometheus's text format, piece by piece.

`prometheus-client` takes 200 ms of CPU to write 1,000 endpoints, in one go, and the event loop that delivers would
stand still for it. What is here takes 30 ms, and the caller may do something else between two pieces. Format:
https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from jethook_contract.metric_families import Family
from jethook_dispatcher.core import metric_families as families
from jethook_dispatcher.core.breaker import State
from jethook_dispatcher.core.endpoint_figures import BUCKETS, Counts, EndpointFigures
from jethook_dispatcher.core.endpoint_metrics import OTHERS, Address, EndpointMetrics

SLICE_ENDPOINTS = 20
_LE = (*(f'le="{bound}"' for bound in BUCKETS), 'le="+Inf"')
_RESULTS = {"Delivered": "delivered", "Retry": "failed", "Abort": "aborted", "Disable": "disabled"}
_CODES = {0: "none", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
_STATES: Mapping[State, str] = {"Closed": "closed", "HalfOpen": "half_open", "Open": "open"}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class _Shown:
    """One set of series; `labels` are written out already, `now` is aware."""

    labels: str
    counts: Counts
    endpoints: list[EndpointFigures]
    now: datetime
    named: bool


_Sample = tuple[str, float]  # further labels, each as `,name="value"`; and the value


def exposition(metrics: EndpointMetrics, *, now: datetime) -> Iterator[str]:
    """Write every family of `ENDPOINT_FAMILIES`, in short pieces (20 endpoints, 0.2 ms at most); `now` is aware."""
    shown: list[_Shown] = []
    for number, one in enumerate(metrics.shown(), 1):
        shown.append(_shown(one, now=now))
        if number % SLICE_ENDPOINTS == 0:
            yield ""
    for family in families.ENDPOINT_FAMILIES:
        yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        write = _histogram if family.kind == "histogram" else _plain
        for start in range(0, len(shown), SLICE_ENDPOINTS):
            yield "".join([write(family, one) for one in shown[start : start + SLICE_ENDPOINTS]])


def _shown(one: tuple[Address, Counts, list[EndpointFigures]], *, now: datetime) -> _Shown:
    address, counts, endpoints = one
    namespace, endpoint = (label.translate(_ESCAPES) for label in address)
    labels = f'namespace="{namespace}",endpoint="{endpoint}"'
    return _Shown(labels, counts, endpoints, now, address != OTHERS)


def _plain(family: Family, shown: _Shown) -> str:
    name, labels = family.name, shown.labels
    return "".join([f"{name}{{{labels}{more}}} {value}\n" for more, value in _SAMPLES[family](shown)])


def _histogram(family: Family, shown: _Shown) -> str:
    name, labels = family.name, shown.labels
    upwards = list(accumulate(shown.counts.durations))
    lines = [f"{name}_bucket{{{labels},{le}}} {count}\n" for le, count in zip(_LE, upwards, strict=True)]
    return f"{''.join(lines)}{name}_sum{{{labels}}} {shown.counts.seconds}\n{name}_count{{{labels}}} {upwards[-1]}\n"


def _attempts(shown: _Shown) -> Iterator[_Sample]:
    found: Counter[str] = Counter()
    for (kind, hundreds), count in shown.counts.attempts.items():
        found[f',result="{_RESULTS[kind]}",code="{_CODES.get(hundreds, "other")}"'] += count
    yield from found.items()


def _dead_lettered(shown: _Shown) -> Iterator[_Sample]:
    for reason, count in shown.counts.dead_lettered.items():
        yield f',reason="{reason.translate(_ESCAPES)}"', count


def _backlog(shown: _Shown) -> Iterator[_Sample]:
    parts = [part for endpoint in shown.endpoints for part in endpoint.parts.values()]
    yield ',state="pending"', sum(part.pending for part in parts)
    yield ',state="unacknowledged"', sum(part.unacknowledged for part in parts)


def _oldest(shown: _Shown) -> Iterator[_Sample]:
    oldest = min((at for one in shown.endpoints if (at := one.oldest_stored_at) is not None), default=None)
    yield "", 0.0 if oldest is None else max(0.0, (shown.now - oldest).total_seconds())


def _in_flight(shown: _Shown) -> Iterator[_Sample]:
    yield "", sum(part.in_flight for endpoint in shown.endpoints for part in endpoint.parts.values())


def _parked(shown: _Shown) -> Iterator[_Sample]:
    yield "", sum(part.parked for endpoint in shown.endpoints for part in endpoint.parts.values())


def _circuit(shown: _Shown) -> Iterator[_Sample]:
    found = Counter(endpoint.gate.circuit for endpoint in shown.endpoints if endpoint.gate is not None)
    if found:
        yield from ((f',state="{word}"', found[state]) for state, word in _STATES.items())


def _limited(shown: _Shown) -> Iterator[_Sample]:
    held = Counter(one.gate.limited_by for one in shown.endpoints if one.gate is not None and one.gate.limited_by)
    yield from ((f',limited_by="{limit}"', count) for limit, count in held.items())


def _allowed(shown: _Shown) -> Iterator[_Sample]:
    for endpoint in shown.endpoints if shown.named else ():
        if endpoint.gate is not None and endpoint.gate.allowed_requests_per_second is not None:
            yield "", endpoint.gate.allowed_requests_per_second


_SAMPLES: Mapping[Family, Callable[[_Shown], Iterable[_Sample]]] = {
    families.ATTEMPTS: _attempts,
    families.DELIVERED: lambda shown: (("", shown.counts.delivered),),
    families.RETRIED: lambda shown: (("", shown.counts.retried),),
    families.DEAD_LETTERED: _dead_lettered,
    families.REFUSED: lambda shown: (("", shown.counts.refused),),
    families.BACKLOG: _backlog,
    families.OLDEST: _oldest,
    families.IN_FLIGHT: _in_flight,
    families.PARKED: _parked,
    families.CIRCUIT: _circuit,
    families.LIMITED_BY: _limited,
    families.ALLOWED_RATE: _allowed,
}
