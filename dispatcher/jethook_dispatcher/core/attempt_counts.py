"""How many attempts each waiting event of one Subscription has had, and how a bucket keeps that.

`num_delivered` of JetStream counts hand-overs and crashes too; this counts attempts. A crash forgets what was not yet
written: an event then gets an attempt more, never one less.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator

from jethook_contract.errors import Invalid

MAX_ENTRIES = 20_000
_MAX_DECODED_BYTES = 1024 * 1024
_MAGIC = b"J1"
_MORE = 0x80
_LOW = 0x7F


class AttemptCounts:
    """Map the sequences of events in back-off to the attempts made so far; `changed` since `encode` was last used.

    `stream_created`: the stream's creation time as text; counts of another stream of the same name mean nothing.
    Above `MAX_ENTRIES` no new event is counted, which can only give it more attempts.
    """

    __slots__ = ("_attempts", "changed", "stream_created")

    def __init__(self, stream_created: str, *, attempts: Iterable[tuple[int, int]] = ()) -> None:
        self.stream_created = stream_created
        self.changed = False
        self._attempts = dict(attempts)

    def __len__(self) -> int:
        return len(self._attempts)

    def of(self, sequence: int) -> int:
        """Give the attempts made, 0 for none."""
        return self._attempts.get(sequence, 0)

    def failed(self, sequence: int, *, attempts: int) -> None:
        """Note that `attempts` have been made and the event waits for another."""
        if sequence in self._attempts or len(self._attempts) < MAX_ENTRIES:
            self._attempts[sequence] = attempts
            self.changed = True

    def forget(self, sequence: int) -> None:
        """Drop an event that is done."""
        if self._attempts.pop(sequence, None) is not None:
            self.changed = True

    def prune(self, ack_floor: int) -> None:
        """Drop all events up to the consumer's ack floor: they are done, whoever did it."""
        gone = [sequence for sequence in self._attempts if sequence <= ack_floor]
        for sequence in gone:
            self.forget(sequence)

    def encode(self, *, nonce: str) -> bytes:
        """Write the counts for the bucket; `nonce` says which member wrote them."""
        head = json.dumps({"streamCreated": self.stream_created, "nonce": nonce}).encode()
        body = b"".join(_varints(sorted(self._attempts.items())))
        return _MAGIC + zlib.compress(head + b"\n" + body)


def decode_counts(data: bytes, *, stream_created: str) -> AttemptCounts:
    """Read what `encode` wrote; counts of another stream come out empty. Raises Invalid `BadAttemptCounts`."""
    try:
        head, pairs = _unpacked(data)
    except (ValueError, KeyError, TypeError, IndexError, zlib.error) as exc:
        raise Invalid("BadAttemptCounts", "a record of attempt counts cannot be read; its events start anew") from exc
    return AttemptCounts(stream_created, attempts=pairs if head == stream_created else ())


def _unpacked(data: bytes) -> tuple[str, list[tuple[int, int]]]:
    if data[:2] != _MAGIC:
        raise ValueError("magic")
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(data[2:], _MAX_DECODED_BYTES)
    if not unpacker.eof:
        raise ValueError("truncated or too large")
    head, separator, body = plain.partition(b"\n")
    if not separator:
        raise ValueError("head")
    numbers = list(_numbers(body))
    pairs, sequence = [], 0
    for step, attempts in zip(numbers[::2], numbers[1::2], strict=True):
        sequence += step
        pairs.append((sequence, attempts))
    return str(json.loads(head)["streamCreated"]), pairs[:MAX_ENTRIES]


def _varints(pairs: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    last = 0
    for sequence, attempts in pairs:
        yield _varint(sequence - last)
        yield _varint(attempts)
        last = sequence


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > _LOW:
        out.append(number & _LOW | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & _LOW) << shift
        shift += 7
        if not byte & _MORE:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("a number is cut off")
