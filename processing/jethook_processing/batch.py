"""Shape several events into one CloudEvents batch, and give it an id (design section 6).

Source: JSON Event Format 1.0.2, section 4 (JSON Batch Format).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from jethook_contract.cloudevents import BATCH_CONTENT_TYPE, CloudEvent, to_batch, to_structured
from jethook_processing.render import Rendered

_HEADERS = (("content-type", BATCH_CONTENT_TYPE),)


def render_batch(events: Iterable[CloudEvent]) -> Rendered:
    """Write events as a JSON array, in their order; each as the very bytes that were received when it was structured.

    Raises Invalid where `to_structured` does, of which `batched_size` tells beforehand for each event.
    """
    return Rendered(headers=_HEADERS, body=to_batch(events))


def batched_size(event: CloudEvent) -> int:
    """Give the bytes that an event has in a batch, without the comma.

    Raises Invalid `EventTooLarge`, `BadJSON` or `InvalidUTF8` for one that cannot be in a batch: it is to be found out
    before it shares one, or it takes the others with it.
    """
    return len(to_structured(event))


def batch_id(ids: Iterable[str]) -> str:
    """Give the webhook id of a batch: a hash of its members' webhook ids, in the order in which they are sent.

    The same members in the same order have the same id in every attempt; each line break ends one id, none holds one.
    """
    return "msg_" + hashlib.blake2b("".join(f"{one}\n" for one in ids).encode(), digest_size=16).hexdigest()
