"""Judge a chaos run from what receivers recorded, what lies in the dead letters and what publishers were told. Pure.

A pair is (event id, Subscription as namespace/name). Jethook's own counters play no part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bench.measures import excess
from hack.chaos_kinds import Kind

JITTER_SECONDS = 0.1
PROMPT_MARGIN_SECONDS = 0.3

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event: `sequence` is what the stream gave it, and so its place in the order of its key."""

    id: str
    event_type: str
    key: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request at a receiver; `status` 0: the connection went before an answer. Times are monotonic seconds."""

    subscription: str
    ids: tuple[str, ...]
    arrived: float
    ended: float
    status: int

    @property
    def accepted(self) -> bool:
        """Tell whether the receiver answered it with a 2xx, however late."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Violation:
    """An event was accepted after a later one of its key."""

    subscription: str
    key: str
    id: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was counted. `over_limit`: requests beyond limit and burst in the worst window, by Subscription."""

    seed: int
    published: int
    delivered: int
    dead_lettered: int
    lost: tuple[Pair, ...]
    unexpected: tuple[Pair, ...]
    duplicates: int
    in_flight_at_faults: int
    violations: tuple[Violation, ...]
    over_limit: dict[str, float]

    @property
    def broken(self) -> tuple[str, ...]:
        """Say which promises were broken, each with what offends; empty for none."""
        return tuple(
            text
            for broken, text in (
                (self.lost, f"lost: {_some(self.lost)}"),
                (self.unexpected, f"never published, or to another Subscription: {_some(self.unexpected)}"),
                (self.violations, f"out of order: {_some(self.violations)}"),
                (self.over_limit, f"requests over the limit in the worst window: {self.over_limit}"),
                (
                    self.duplicates > self.in_flight_at_faults,
                    f"{self.duplicates} duplicates, with {self.in_flight_at_faults} messages in flight at the faults",
                ),
            )
            if broken
        )

    def line(self) -> str:
        """Give the closing line."""
        return (
            f"chaos: seed={self.seed} published={self.published} delivered={self.delivered} "
            f"dead_lettered={self.dead_lettered} lost={len(self.lost)} duplicates={self.duplicates} "
            f"order_violations={len(self.violations)}"
        )


def judge(
    kinds: Sequence[Kind],
    *,
    seed: int,
    published: Sequence[Event],
    unconfirmed: Collection[str],
    requests: Sequence[Request],
    dead: Collection[Pair],
    in_flight_at_faults: int,
) -> Verdict:
    """Count everything.

    `unconfirmed`: ids that may have been stored though the publisher was not told: they may arrive and need not.
    `dead`: pairs in the dead letters.
    """
    accepted = {(event_id, one.subscription) for one in requests if one.accepted for event_id in one.ids}
    dead_pairs = set(dead)
    ended = accepted | dead_pairs
    expected = {
        (event.id, kind.address) for kind in kinds for event in published if event.event_type == kind.event_type
    }
    replaced = {pair for kind in kinds if kind.latest for pair in _replaced(kind, published=published, ended=ended)}
    seen = {(event_id, one.subscription) for one in requests for event_id in one.ids} | dead_pairs
    return Verdict(
        seed=seed,
        published=len(published),
        delivered=len(expected & (accepted | replaced)),
        dead_lettered=len(expected & dead_pairs),
        lost=tuple(sorted(expected - ended - replaced)),
        unexpected=tuple(sorted(pair for pair in seen - expected if pair[0] not in unconfirmed)),
        duplicates=duplicates(requests, timeouts={kind.address: kind.timeout_seconds for kind in kinds}),
        in_flight_at_faults=in_flight_at_faults,
        violations=tuple(
            violation
            for kind in kinds
            if kind.ordered
            for violation in order_violations(_of(kind, requests), published=published)
        ),
        over_limit={kind.address: over for kind in kinds if (over := over_limit(kind, _of(kind, requests)))},
    )


def duplicates(requests: Iterable[Request], *, timeouts: dict[str, int]) -> int:
    """Count, over all pairs, the requests that came after the pair was accepted in time.

    A retry after an answer that came too late, or not at all, is no duplicate: it had to be made.
    """
    done: dict[Pair, float] = {}
    for one in requests:
        if one.accepted and one.ended - one.arrived < timeouts.get(one.subscription, 0) - PROMPT_MARGIN_SECONDS:
            for event_id in one.ids:
                pair = (event_id, one.subscription)
                done[pair] = min(one.ended, done.get(pair, one.ended))
    return sum(
        one.arrived > done[event_id, one.subscription]
        for one in requests
        for event_id in one.ids
        if (event_id, one.subscription) in done
    )


def order_violations(requests: Iterable[Request], *, published: Iterable[Event]) -> list[Violation]:
    """Find events that were accepted for the first time after a later event of the same key, for one Subscription."""
    events = {event.id: event for event in published}
    last: dict[str, Event] = {}
    done: set[str] = set()
    found = []
    for one in sorted((one for one in requests if one.accepted), key=lambda one: one.ended):
        for event in sorted((events[i] for i in one.ids if i in events), key=lambda event: event.sequence):
            if event.id in done:
                continue
            done.add(event.id)
            before = last.get(event.key)
            if before is not None and before.sequence > event.sequence:
                found.append(Violation(one.subscription, event.key, event.id, before.id))
            else:
                last[event.key] = event
    return found


def over_limit(kind: Kind, requests: Iterable[Request]) -> float:
    """Give by how much the worst window went over the limit; 0 when it was kept, or off by the receiver's jitter."""
    if not kind.requests_per_second:
        return 0.0
    over = excess([one.arrived for one in requests], per_second=kind.requests_per_second, burst=kind.burst)
    return round(over, 2) if over > kind.requests_per_second * JITTER_SECONDS else 0.0


def _replaced(kind: Kind, *, published: Sequence[Event], ended: set[Pair]) -> Iterable[Pair]:
    """Give the pairs whose key has a later event that came to an end."""
    newest: dict[str, int] = defaultdict(int)
    for event in published:
        if (event.id, kind.address) in ended:
            newest[event.key] = max(newest[event.key], event.sequence)
    for event in published:
        if event.event_type == kind.event_type and event.sequence < newest[event.key]:
            yield (event.id, kind.address)


def _of(kind: Kind, requests: Iterable[Request]) -> list[Request]:
    return [one for one in requests if one.subscription == kind.address]


def _some(found: Sequence[object], *, most: int = 20) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(str(one) for one in found[:most]) + more
