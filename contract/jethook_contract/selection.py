"""How a Subscription selects, groups and bounds its events: its half of the plan beside the event types."""

from __future__ import annotations

from typing import Literal

from jethook_contract.record import Record

BindingType = Literal["Any", "Boolean", "Integer", "Number", "String", "List", "Object"]
MergeStrategy = Literal["Latest", "Collect"]


class Dialect(Record):
    """One filter of the CloudEvents Subscriptions API; exactly one field is set.

    `exact`, `prefix`, `suffix`: pairs of attribute and text, all of which must fit. `all`, `any`: of these; `not`: not
    this one. Source: CloudEvents Subscriptions API, section 3.2.4.
    """

    exact: tuple[tuple[str, str], ...] = ()
    prefix: tuple[tuple[str, str], ...] = ()
    suffix: tuple[tuple[str, str], ...] = ()
    all: tuple[Dialect, ...] = ()
    any: tuple[Dialect, ...] = ()
    not_: Dialect | None = None


class Filter(Record):
    """Which events are wanted beyond their type: all that is set must hold.

    `cel`, `cesql`: expressions, empty for none.
    """

    cel: str = ""
    cesql: str = ""
    dialects: tuple[Dialect, ...] = ()


class Binding(Record):
    """A named value of each event: `from_` and `default` are CEL expressions, an empty `default` is none.

    The default is taken where `from_` has no answer, as for a field that is missing. A value of another type than
    `type` fails.
    """

    name: str
    from_: str
    type: BindingType = "Any"
    default: str = ""


class Transform(Record):
    """What becomes of the data of an event: `template` is a JSON text with `${...}` in it, empty for none."""

    template: str = ""


class Ordering(Record):
    """Strict order for each key; `key_from` is a CEL expression over the event."""

    key_from: str


class Merge(Record):
    """Events of a key within `window_seconds` become one delivery: the latest, or all of them as CloudEvents batch."""

    key_from: str
    window_seconds: int
    strategy: MergeStrategy = "Latest"


class Batch(Record):
    """Events go together, as a CloudEvents batch, as soon as one bound is reached."""

    max_events: int = 100
    max_bytes: int = 262_144
    max_wait_milliseconds: int = 500


class BacklogPolicy(Record):
    """What may wait; the excess, oldest first, goes to the dead letters as `BacklogExceeded`.

    `max_age_seconds`: since JetStream stored it. `max_events`: None for no bound. `max_share_percent`: of the stream's
    room in bytes.
    """

    max_age_seconds: int = 604_800
    max_events: int | None = None
    max_share_percent: int = 50
