"""The plan: what the operator tells the dispatchers of a pool, one part for each Subscription.

A part is at `<namespace>.<endpoint>.<subscription>` in the bucket `jethook-plan-<pool>`; the pool's own settings are
at `pool` in the same bucket. Secret values are inside `sealed` only (see `sealing.py`).
"""

from __future__ import annotations

from typing import Literal

from jethook_contract.record import Record
from jethook_contract.secrets import PlanSecrets, SigningKey
from jethook_contract.selection import BacklogPolicy, Batch, Binding, Filter, Merge, Ordering, Transform
from jethook_contract.subjects import matches
from jethook_contract.target import Target

__all__ = [
    "BacklogPolicy", "Format", "ObjectId", "PlanPart", "PlanSecrets", "PoolPlan", "RetiredType", "RetryPolicy",
    "SigningKey", "State", "Target",
]  # fmt: skip

Format = Literal["Structured", "Binary", "Data"]
State = Literal["Active", "Suspended", "Withheld"]


class ObjectId(Record):
    """An object as its owner knows it; `uid` is empty where objects come from files."""

    name: str
    uid: str = ""
    generation: int = 0


class RetryPolicy(Record):
    """When to try again: `initial * factor^(attempt-1)`, at most `max`, spread by jitter (design section 3).

    `schedule_seconds`, where it is not empty, gives the delays one by one instead; its length bounds the attempts.
    """

    max_attempts: int = 12
    initial_delay_seconds: int = 5
    factor: int = 3
    max_delay_seconds: int = 21600
    jitter_percent: int = 20
    max_age_seconds: int = 172800
    schedule_seconds: tuple[int, ...] = ()


class RetiredType(Record):
    """A filter subject that the Subscription no longer wants.

    What the stream holds of it up to `last_sequence` is still delivered, later events are acknowledged unsent.
    """

    filter_subject: str
    last_sequence: int


class PlanPart(Record):
    """All that a dispatcher needs to serve one Subscription.

    Not `Active`, it has no target and no secrets: the backlog waits, its owner reports it. `reason` and `message` say
    why it is `Withheld`. `stream` and `consumer` exist before the part is written. `filters` are the filter subjects
    that the Subscription wants; `retired` those that its consumer has beyond them; `filter` looks into the events
    themselves; `transform` shapes what is sent from the `bindings`. At most one of `ordering`, `merge` and `batch` is
    set. `sealed` is a Fernet token of `PlanSecrets`; `secrets_digest` a keyed digest of the plaintext, so that
    equal secrets make an equal part.
    """

    version: Literal[1] = 1
    namespace: str
    endpoint: ObjectId
    subscription: ObjectId
    state: State
    reason: str = ""
    message: str = ""
    stream: str
    consumer: str
    format: Format = "Structured"
    filters: tuple[str, ...] = ()
    retired: tuple[RetiredType, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    filter: Filter = Filter()
    ordering: Ordering | None = None
    merge: Merge | None = None
    batch: Batch | None = None
    bindings: tuple[Binding, ...] = ()
    transform: Transform | None = None
    backlog: BacklogPolicy = BacklogPolicy()
    target: Target | None = None
    sealed: str = ""
    secrets_digest: str = ""

    def wants(self, subject: str, *, sequence: int) -> bool:
        """Tell whether a message of the consumer is to be sent; False: acknowledge it unsent.

        Unsent is what matches a retired type only, past that type's `last_sequence`. A message that matches neither
        is sent: the consumer was widened and this part is about to follow.
        """
        if any(matches(one, subject) for one in self.filters):
            return True
        retired = [one for one in self.retired if matches(one.filter_subject, subject)]
        return not retired or any(sequence <= one.last_sequence for one in retired)


class PoolPlan(Record):
    """The settings of a pool that its dispatchers obey; CIDRs as text, IPv4 or IPv6."""

    version: Literal[1] = 1
    pool: str
    allowed_cidrs: tuple[str, ...] = ()
    denied_cidrs: tuple[str, ...] = ()
