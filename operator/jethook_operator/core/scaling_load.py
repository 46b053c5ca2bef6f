"""From what NATS shows of a pool to its load: what waits, what of that waits for its endpoint, which shards are busy.

More dispatchers help an endpoint only through its owner: each endpoint is served by one member. So what waits for the
endpoint itself is gated: a rate limit, an open circuit, a pause, a full `max_ack_pending`, or `maxInFlight` while the
owner has time to spare. An owner that is at work all the time fills `maxInFlight` too, and then another helps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jethook_contract.status import DeliveryState, LimitedBy
from jethook_operator.core.scaling import PoolLoad

DRAIN_SECONDS = 60.0  # a backlog that its owner works off sooner is none to scale for
GATE_LASTS_SECONDS = 60.0  # reports come every 15 s at least, and a limit that is reached shows in most of them
_GATES = frozenset[LimitedBy](
    {"Disabled", "Handshake", "CircuitBreaker", "RetryAfter", "Throttling", "SlowStart", "RequestsPerSecond"}
)
_GATED_STATES = frozenset[DeliveryState](
    {
        "Suspended", "Pending", "Disabled", "CircuitOpen", "KeyBlocked", "RetryBacklogFull", "DeadLettersFull",
        "Failing", "Throttled",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerFigures:
    """What a consumer shows: `pending` never handed out, `unacknowledged` was; `max_unacknowledged` bounds the latter.

    `handed_out`: of all time, repeats too. `stream_sequence`: of the last message handed out for the first time.
    """

    pending: int = 0
    unacknowledged: int = 0
    max_unacknowledged: int = 20_000
    handed_out: int = 0
    stream_sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLook:
    """One endpoint's Subscriptions together.

    `shard`: 0 to 255. `waiting` and `in_flight`: events. `blocked`: of `waiting`, what is behind a full
    `max_ack_pending`. `handed_out`: since the look before; `fresh` of them from consumers that went on.
    """

    shard: int
    waiting: int = 0
    in_flight: int = 0
    blocked: int = 0
    handed_out: int = 0
    fresh: int = 0

    def with_consumer(self, now: ConsumerFigures, *, before: ConsumerFigures | None) -> EndpointLook:
        """Add a Subscription's consumer; `before` None: it is seen for the first time."""
        out = 0 if before is None else max(0, now.handed_out - before.handed_out)
        went_on = before is not None and now.stream_sequence > before.stream_sequence
        full = now.unacknowledged >= now.max_unacknowledged
        return EndpointLook(
            shard=self.shard,
            waiting=self.waiting + now.pending,
            in_flight=self.in_flight + now.unacknowledged,
            blocked=self.blocked + (now.pending if full else 0),
            handed_out=self.handed_out + out,
            fresh=self.fresh + (out if went_on else 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the owner of an endpoint says of it: `limited_by` None while nothing holds deliveries back."""

    state: DeliveryState
    limited_by: LimitedBy | None = None

    @property
    def gates(self) -> bool:
        """Tell whether deliveries wait for the endpoint, whatever its owner could do."""
        return self.limited_by in _GATES or self.state in _GATED_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an endpoint with a backlog stands: gated lately, and at `maxInFlight` now, as its owner says."""

    gated: bool
    all_in_flight: bool = False

    def waits(self, *, owner_percent: int, target_percent: int) -> bool:
        """Tell whether the backlog waits for the endpoint; an owner with time to spare is not what it waits for."""
        return self.gated or (self.all_in_flight and owner_percent < target_percent)


def load_of(
    looks: Mapping[str, EndpointLook],
    *,
    standings: Mapping[str, Standing],
    owner_percents: Mapping[int, int],
    members: Iterable[int],
    target_percent: int,
    seconds: float,
) -> PoolLoad:
    """Add up a pool's endpoints, by any name.

    `standings`: of those with a backlog, as far as they are known; what is not known is taken for gated, so that
    nothing is done on a guess. `owner_percents`: the utilisation of each shard's owner, 0 where it is not known.
    `members`: utilisation of each. `seconds`: since the look before, 0 at the first.
    """
    gated = sum(look.waiting for look in looks.values())
    open_to: Counter[int] = Counter()  # by shard, what could be delivered now
    fresh: Counter[int] = Counter()
    for name, look in looks.items():
        standing = standings.get(name)
        percent = owner_percents.get(look.shard, 0)
        if standing is not None and not standing.waits(owner_percent=percent, target_percent=target_percent):
            open_to[look.shard] += look.waiting - look.blocked
        fresh[look.shard] += look.fresh
    lagging = {
        shard: events
        for shard, events in open_to.items()
        if events and seconds > 0 and events > DRAIN_SECONDS * fresh[shard] / seconds
    }
    return PoolLoad(
        utilization_percents=tuple(members),
        waiting=sum(look.waiting for look in looks.values()),
        in_flight=sum(look.in_flight for look in looks.values()),
        gated=gated - open_to.total(),
        busy_shards=len(+open_to | +fresh),
        lagging=sum(lagging.values()),
        lagging_shards=len(lagging),
        handed_out=sum(look.handed_out for look in looks.values()),
    )
