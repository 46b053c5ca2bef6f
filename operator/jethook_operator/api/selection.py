"""What a Subscription selects, groups and bounds beside its event types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jethook_operator.api.dialects import Dialects
from jethook_operator.api.meta import ApiModel

KeyExpression = Annotated[str, Field(min_length=1, max_length=1024)]


class EventFilter(ApiModel):
    """Which events of the types are wanted; what is set must all hold."""

    cel: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """A CEL expression over `event`, true for an event that is wanted: event.data.amount > 100. An event on which it
    fails becomes a dead letter. Default: none."""
    cesql: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """A CESQL expression over the attributes, true for an event that is wanted: subject LIKE 'a-%' AND priority > 3.
    An event without an attribute that it names is not wanted; one on which it fails becomes a dead letter. Default:
    none."""
    dialects: Dialects = ()
    """Filters of the CloudEvents Subscriptions API (exact, prefix, suffix, all, any, not), at most 8, all of which must
    fit; nested at most three deep. Default: none."""


class Ordering(ApiModel):
    """Strict order for each key."""

    key_from: KeyExpression
    """A CEL expression over `event` that gives the key: event.subject. Events of one key go one after the other in the
    order of their publication, and wait behind one that failed; other keys go on."""


class Merge(ApiModel):
    """Events of a key within a window become one delivery."""

    key_from: KeyExpression
    """A CEL expression over `event` that gives the key: event.subject."""
    window_seconds: int = Field(ge=1, le=300)
    """Seconds from the first event of a key to the delivery, 1 to 300."""
    strategy: Literal["Latest", "Collect"] = "Latest"
    """What is delivered. Latest (default): the last event of the window alone. Collect: all of them, as CloudEvents
    batch, with format Structured."""


class Batch(ApiModel):
    """Events go together, as soon as one of the bounds is reached."""

    max_events: int = Field(default=100, ge=1, le=1000)
    """Events in a request, 1 to 1000. Default: 100."""
    max_bytes: int = Field(default=262_144, ge=1024, le=786_432)
    """Bytes of a request's body, 1024 to 786432; an event that is larger goes alone. Default: 262144."""
    max_wait_milliseconds: int = Field(default=500, ge=0, le=10_000)
    """Milliseconds that the first event of a batch waits for others, 0 to 10000. Default: 500."""


class Backlog(ApiModel):
    """How much may wait; the excess, oldest first, becomes dead letters (BacklogExceeded), also while suspended."""

    max_age_seconds: int = Field(default=604_800, ge=60, le=2_592_000)
    """Seconds that an event may wait since it was published, 60 to 2592000 (30 days). Default: 604800 (7 days)."""
    max_events: int | None = Field(default=None, ge=1, le=100_000_000)
    """Events that may wait, 1 to 100000000. Default: no bound."""
    max_share_percent: int = Field(default=50, ge=1, le=100)
    """Share of the stream's room that what waits may take, 1 to 100 percent. Default: 50."""
