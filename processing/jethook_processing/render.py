"""Shape an event into what is sent: headers and body in the format of the Subscription, and the delivery's id."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from jethook_contract.cloudevents import STRUCTURED_CONTENT_TYPE, CloudEvent, to_binary, to_structured
from jethook_contract.plan import Format

Headers = tuple[tuple[str, str], ...]

_STRUCTURED: Headers = (("content-type", STRUCTURED_CONTENT_TYPE),)


class Rendered(NamedTuple):
    """What is sent: `headers` in order, names in lower case, the content type among them; `body` as it is signed."""

    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Rendered(headers={self.headers!r}, body of {len(self.body)} bytes)"


def render(event: CloudEvent, *, output_format: Format) -> Rendered:
    """Write the event as the Subscription wants it.

    `Structured`: JSON, the very bytes that were received when they were structured. `Binary`: attributes as `ce-`
    headers. `Data`: the data alone, without attributes. Raises Invalid `EventTooLarge` when an event that came in
    binary mode outgrows the bound as JSON.
    """
    if output_format == "Structured":
        return Rendered(headers=_STRUCTURED, body=to_structured(event))
    headers, body = to_binary(event)
    if output_format == "Binary":
        return Rendered(headers=tuple(headers.items()), body=body)
    content_type = headers.get("content-type", "application/octet-stream")
    return Rendered(headers=(("content-type", content_type),), body=body)


def webhook_id(event: CloudEvent, *, namespace: str, subscription: str) -> str:
    """Give the id of a delivery: the same for every attempt and every copy of the event, another for each Subscription.

    A hash of namespace, subscription, source and id; none of them can hold the NUL that separates them.
    """
    parts = f"{namespace}\0{subscription}\0{event.source}\0{event.id}"
    return "msg_" + blake2b(parts.encode(), digest_size=16).hexdigest()
