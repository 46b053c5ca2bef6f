"""What a person asks of the dispatcher that owns a Subscription: a request over NATS, and its answer.

Every member of a pool hears a request at `jethook.control.<pool>.<namespace>.<subscription>`; only the one that owns
the Subscription answers. Nothing is stored: a request that nobody answers has done nothing that anyone knows of.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from jethook_contract.errors import Invalid
from jethook_contract.record import Record

CONTROL_PREFIX = "jethook.control."
MAX_KEY_CHARACTERS = 1024
MAX_MESSAGE_CHARACTERS = 4096

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LABELS_OF_A_SUBJECT = 3


class ControlRequest(Record):
    """`Skip`: move past the head of a parked key; the head goes to the dead letters."""

    version: Literal[1] = 1
    action: Literal["Skip"]
    key: Annotated[str, Field(max_length=MAX_KEY_CHARACTERS)]


class ControlAnswer(Record):
    """What became of a request: `reason` CamelCase, `message` for people, both also where it is done.

    Not done, a reason is one of `NotOrdered`, `NotParked` (the message lists the keys that are) or of the owner's own.
    """

    version: Literal[1] = 1
    done: bool
    reason: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]+$")]
    message: Annotated[str, Field(max_length=MAX_MESSAGE_CHARACTERS)]


def control_subject(pool: str, namespace: str, subscription: str) -> str:
    """Name the subject of requests to the owner of one Subscription; raises Invalid `BadName` for no DNS label."""
    labels = (("pool", pool), ("namespace", namespace), ("subscription", subscription))
    return CONTROL_PREFIX + ".".join(_label(what, name) for what, name in labels)


def control_subjects(pool: str) -> str:
    """Name the subjects of all requests to a pool, as a wildcard; raises Invalid `BadName` for no DNS label."""
    return f"{CONTROL_PREFIX}{_label('pool', pool)}.*.*"


def control_target(subject: str) -> tuple[str, str]:
    """Read namespace and Subscription from a request's subject; raises Invalid `BadSubject` for any other subject."""
    labels = subject.removeprefix(CONTROL_PREFIX).split(".")
    plain = len(labels) == _LABELS_OF_A_SUBJECT and all(_LABEL.fullmatch(label) for label in labels)
    if not subject.startswith(CONTROL_PREFIX) or not plain:
        raise Invalid("BadSubject", "the subject is not that of a request; it is jethook.control.POOL.NAMESPACE.NAME")
    return labels[1], labels[2]


def _label(what: str, name: str) -> str:
    if _LABEL.fullmatch(name) is None:
        raise Invalid("BadName", f"{what}: it must be a DNS label: a-z, 0-9 and - inside, at most 63 characters")
    return name
