"""What the reply subject of a JetStream message says about it.

Source: nats-server, `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, and the
longer form that puts a domain and an account hash behind `$JS.ACK`.
"""

from __future__ import annotations

from typing import NamedTuple

from jethook_contract.errors import Bug

_PREFIX = "$JS.ACK."
_SHORT_TOKENS = 9
_LONG_TOKENS = 11
_LONG_OFFSET = 2


class Handed(NamedTuple):
    """One hand-out of a message.

    `sequence`: in the stream. `deliveries`: how often the server has handed it out, this time included; it counts
    hand-overs and crashes too, so it is no count of attempts. `stored_nanoseconds`: Unix time at which JetStream
    stored the event.
    """

    sequence: int
    deliveries: int
    stored_nanoseconds: int


def read_reply(reply: str) -> Handed:
    """Read a reply subject, or raise Bug `NoJetStreamReply` for any other subject."""
    tokens = reply.split(".")
    offset = 0 if len(tokens) == _SHORT_TOKENS else _LONG_OFFSET
    if not reply.startswith(_PREFIX) or (offset and len(tokens) < _LONG_TOKENS):
        raise Bug("NoJetStreamReply", "a message came without the reply subject of a JetStream consumer")
    try:
        return Handed(int(tokens[offset + 5]), int(tokens[offset + 4]), int(tokens[offset + 7]))
    except ValueError as exc:
        raise Bug("NoJetStreamReply", "a reply subject of JetStream does not read as expected") from exc


def is_jetstream_reply(reply: str) -> bool:
    """Tell a message of the stream from a status that the server sends to the inbox."""
    return reply.startswith(_PREFIX)
