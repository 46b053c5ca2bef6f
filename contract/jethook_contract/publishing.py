"""Publish a CloudEvent into its namespace's stream: the one way that the command line and the gateway share."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NoStreamResponseError

from jethook_contract.cloudevents import STRUCTURED_CONTENT_TYPE, to_structured
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.event import CloudEvent
from jethook_contract.subjects import events_subject

ACK_TIMEOUT_SECONDS = 5.0
_STREAM_FULL = 10077


class Stored(NamedTuple):
    """What JetStream answered: the stream's sequence, and whether it had the event already (within two minutes)."""

    sequence: int
    duplicate: bool


def message_id(event: CloudEvent) -> str:
    """Give the id by which JetStream tells a repeat: a hash of source and id (design section 7)."""
    return blake2b(f"{event.source}\0{event.id}".encode(), digest_size=16).hexdigest()


async def publish_event(
    client: Client, *, namespace: str, event: CloudEvent, timeout_seconds: float = ACK_TIMEOUT_SECONDS
) -> Stored:
    """Store one event and wait for the acknowledgement.

    Raises Invalid `NoStream` where no Jethook object makes a stream, Unavailable `StreamFull` when it has no room,
    `Refused` and `NATSUnreachable`; and what `to_structured` does.
    """
    headers = {"Content-Type": STRUCTURED_CONTENT_TYPE, "Nats-Msg-Id": message_id(event)}
    try:
        ack = await client.jetstream().publish(
            events_subject(namespace, event.type), to_structured(event), timeout=timeout_seconds, headers=headers
        )
    except NoStreamResponseError as exc:
        raise Invalid(
            "NoStream", f"namespace {namespace} has no events stream: create a Subscription there first"
        ) from exc
    except APIError as exc:
        raise _refusal(exc, namespace) from exc
    except (TimeoutError, NatsError, OSError) as exc:
        raise Unavailable(
            "NATSUnreachable",
            f"NATS did not acknowledge event {event.id} within {timeout_seconds:g} s: it may or may not be stored",
        ) from exc
    return Stored(ack.seq, bool(ack.duplicate))


def _refusal(exc: APIError, namespace: str) -> Unavailable:
    if exc.err_code == _STREAM_FULL or "maximum" in (exc.description or ""):
        return Unavailable(
            "StreamFull",
            f"the events stream of namespace {namespace} is full, nothing was stored or evicted: "
            f"see `jethook get subscriptions -n {namespace}` for whose backlog holds it",
        )
    return Unavailable("Refused", f"NATS refused the event: {exc.description} (err_code {exc.err_code})")
