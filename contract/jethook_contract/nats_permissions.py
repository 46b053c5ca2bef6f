"""What each process may do in NATS, as permissions of its NATS user: the one place that knows.

Every process has an inbox prefix of its own, so that none hears what another is answered. What a user is not allowed
here is refused by the server; `jethook nats-permissions` prints these as the server reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jethook_contract import names
from jethook_contract.control import CONTROL_PREFIX, control_subjects
from jethook_contract.errors import Invalid
from jethook_contract.subjects import (
    ATTEMPTS_PREFIX,
    DEADLETTERS_PREFIX,
    DIRECT_PREFIX,
    EVENTS_PREFIX,
    attempts_subject,
)

ALL_NAMESPACES = "*"
OPERATOR_INBOX = "_INBOX_jethook_operator"
ADMIN_INBOX = "_INBOX_jethook_cli"
RESPONSES_MAX = 1
RESPONSES_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsPermissions:
    """What one NATS user may do; all else is refused.

    `publish` and `subscribe` are subjects, wildcards among them. `inbox_prefix` is the one that its process must use.
    `responds`: it may answer what it was asked, once and within a minute, wherever the answer was wanted.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    inbox_prefix: str
    responds: bool = False


def dispatcher_inbox(pool: str) -> str:
    """Name the inbox prefix of a pool's dispatchers."""
    return f"_INBOX_jethook_dispatcher_{pool}"


def producer_inbox(namespace: str) -> str:
    """Name the inbox prefix of a namespace's producers."""
    return f"_INBOX_jethook_producer_{namespace}"


def operator_permissions() -> NatsPermissions:
    """Allow what the operator does: keep streams, consumers and buckets, and write plans.

    It can neither publish an event nor listen to one; it reads events' headers where it removes a consumer.
    """
    return NatsPermissions(
        publish=("$JS.API.STREAM.>", "$JS.API.CONSUMER.>", "$JS.ACK.>", "$JS.FC.>", "$KV.*.>"),
        subscribe=(f"{OPERATOR_INBOX}.>",),
        inbox_prefix=OPERATOR_INBOX,
    )


def dispatcher_permissions(pool: str, *, namespaces: Sequence[str] = (ALL_NAMESPACES,)) -> NatsPermissions:
    """Allow what the dispatchers of one pool do, for the namespaces it may serve; raises Invalid `BadName`.

    Its own plan can be read and not written. With `*` among the namespaces it may pull from every Subscription.
    """
    served = _served(namespaces)
    return NatsPermissions(
        publish=(
            *_reading(names.plan_bucket(pool)),
            *_reading(names.retries_bucket(pool)),
            *_reading(names.status_bucket(pool)),
            f"$JS.API.STREAM.INFO.KV_{names.members_bucket(pool)}",
            f"$JS.API.DIRECT.GET.KV_{names.members_bucket(pool)}",
            *(f"$JS.API.STREAM.CREATE.KV_{bucket(pool)}" for bucket in _MADE),
            *(f"$KV.{bucket(pool)}.>" for bucket in _WRITTEN),
            *(subject for namespace in served for subject in _delivering(namespace)),
        ),
        subscribe=(f"{dispatcher_inbox(pool)}.>", control_subjects(pool)),
        inbox_prefix=dispatcher_inbox(pool),
        responds=True,
    )


def producer_permissions(namespace: str) -> NatsPermissions:
    """Allow events into one namespace, and nothing else; raises Invalid `BadName`."""
    _check(namespace)
    return NatsPermissions(
        publish=(f"{EVENTS_PREFIX}{namespace}.>",),
        subscribe=(f"{producer_inbox(namespace)}.>",),
        inbox_prefix=producer_inbox(namespace),
    )


def admin_permissions() -> NatsPermissions:
    """Allow every command of `jethook` in every namespace, for the platform's people."""
    prefixes = (EVENTS_PREFIX, DIRECT_PREFIX, CONTROL_PREFIX)
    return NatsPermissions(
        publish=("$JS.API.>", "$JS.ACK.>", "$JS.FC.>", *(f"{prefix}>" for prefix in prefixes)),
        subscribe=(f"{ADMIN_INBOX}.>",),
        inbox_prefix=ADMIN_INBOX,
    )


_MADE = (names.members_bucket, names.retries_bucket)  # where the dispatcher comes before the operator
_WRITTEN = (names.members_bucket, names.retries_bucket, names.status_bucket)


def _reading(bucket: str) -> Iterable[str]:
    """Read a bucket: its keys one by one, and a watch, which is a consumer with flow control."""
    stream = f"KV_{bucket}"
    yield f"$JS.API.STREAM.INFO.{stream}"
    yield f"$JS.API.STREAM.MSG.GET.{stream}"
    yield f"$JS.API.CONSUMER.CREATE.{stream}"
    yield f"$JS.API.CONSUMER.CREATE.{stream}.>"
    yield f"$JS.API.CONSUMER.DELETE.{stream}.*"
    yield f"$JS.API.CONSUMER.INFO.{stream}.*"
    yield f"$JS.FC.{stream}.>"


def _delivering(namespace: str) -> Iterable[str]:
    """Pull, acknowledge, dead-letter and log; `*` stands for every namespace."""
    stream = namespace if namespace == ALL_NAMESPACES else names.events_stream(namespace)
    deadletters = namespace if namespace == ALL_NAMESPACES else names.deadletters_stream(namespace)
    yield f"$JS.API.STREAM.INFO.{stream}"
    if deadletters != stream:
        yield f"$JS.API.STREAM.INFO.{deadletters}"
    yield f"$JS.API.CONSUMER.INFO.{stream}.*"
    yield f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*"
    yield f"$JS.ACK.{stream}.>"
    yield f"{DEADLETTERS_PREFIX}{namespace}.*"
    yield f"{ATTEMPTS_PREFIX}{namespace}"


def _served(namespaces: Sequence[str]) -> Sequence[str]:
    if ALL_NAMESPACES in namespaces:
        return (ALL_NAMESPACES,)
    for namespace in namespaces:
        _check(namespace)
    if not namespaces:
        raise Invalid("BadName", "namespaces: a pool serves one at least; name it, or give * for all")
    return namespaces


def _check(namespace: str) -> None:
    attempts_subject(namespace)  # whose first act is to refuse what is no DNS label
