"""How many attempts each waiting event of one Subscription has had, and how a bucket keeps that.

`num_delivered` of JetStream counts hand-overs and crashes too; this counts attempts, and apart from them the hand-outs
that ended in an orderly way without one: *excused*. What is left unexplained are ends of the process
(`core/crash_trial.py`). A crash forgets what was not yet written: an event then gets an attempt more, never one less.
"""

from __future__ import annotations

import base64
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
    Above `MAX_ENTRIES` no new event is counted or excused, which can only give it more attempts, and a trial.
    """

    __slots__ = ("_attempts", "_excused", "changed", "stream_created")

    def __init__(
        self,
        stream_created: str,
        *,
        attempts: Iterable[tuple[int, int]] = (),
        excused: Iterable[tuple[int, int]] = (),
    ) -> None:
        self.stream_created = stream_created
        self.changed = False
        self._attempts = dict(attempts)
        self._excused = dict(excused)

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

    def excuse(self, sequence: int) -> None:
        """Note that a hand-out ended in an orderly way without an attempt: the event was given back."""
        self._set_excused(sequence, hand_outs=self._excused.get(sequence, 0) + 1)

    def clear(self, sequence: int, *, deliveries: int) -> None:
        """Note that the event went through all that could end the process: no hand-out up to now is unexplained."""
        self._set_excused(sequence, hand_outs=deliveries - self.of(sequence))

    def unexplained(self, sequence: int, *, deliveries: int) -> int:
        """Count the hand-outs before this one that ended neither with an attempt nor in an orderly way.

        Below 0 where attempts were made without giving the event back, as in order.
        """
        return deliveries - 1 - self.of(sequence) - self._excused.get(sequence, 0)

    def forget(self, sequence: int) -> None:
        """Drop an event that is done."""
        if self._attempts.pop(sequence, None) is not None:
            self.changed = True
        if self._excused and self._excused.pop(sequence, None) is not None:
            self.changed = True

    def prune(self, ack_floor: int) -> None:
        """Drop all events up to the consumer's ack floor: they are done, whoever did it."""
        known = (*self._attempts, *self._excused) if self._excused else self._attempts
        gone = [sequence for sequence in known if sequence <= ack_floor]
        for sequence in gone:
            self.forget(sequence)

    def encode(self, *, nonce: str) -> bytes:
        """Write the counts for the bucket; `nonce` says which member wrote them.

        What is excused stands in the head, where a reader that knows nothing of it passes over it.
        """
        head = {"streamCreated": self.stream_created, "nonce": nonce}
        if self._excused:
            head["excused"] = base64.b64encode(_packed(self._excused)).decode()
        return _MAGIC + zlib.compress(json.dumps(head).encode() + b"\n" + _packed(self._attempts))

    def _set_excused(self, sequence: int, *, hand_outs: int) -> None:
        known = self._excused.get(sequence, 0)
        if hand_outs > known and (known or len(self._excused) < MAX_ENTRIES):
            self._excused[sequence] = hand_outs
            self.changed = True


def decode_counts(data: bytes, *, stream_created: str) -> AttemptCounts:
    """Read what `encode` wrote; counts of another stream come out empty. Raises Invalid `BadAttemptCounts`."""
    try:
        created, attempts, excused = _unpacked(data)
    except (ValueError, KeyError, TypeError, IndexError, zlib.error) as exc:
        raise Invalid("BadAttemptCounts", "a record of attempt counts cannot be read; its events start anew") from exc
    if created != stream_created:
        return AttemptCounts(stream_created)
    return AttemptCounts(stream_created, attempts=attempts, excused=excused)


Pairs = list[tuple[int, int]]


def _unpacked(data: bytes) -> tuple[str, Pairs, Pairs]:
    """Give the stream's creation time, the attempts and what is excused; an older record has none of the last."""
    if data[:2] != _MAGIC:
        raise ValueError("magic")
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(data[2:], _MAX_DECODED_BYTES)
    if not unpacker.eof:
        raise ValueError("truncated or too large")
    first, separator, body = plain.partition(b"\n")
    if not separator:
        raise ValueError("head")
    head = json.loads(first)
    created = str(head["streamCreated"])
    return created, _pairs(body), _pairs(base64.b64decode(head.get("excused", ""), validate=True))


def _pairs(data: bytes) -> Pairs:
    numbers = list(_numbers(data))
    pairs, sequence = [], 0
    for step, count in zip(numbers[::2], numbers[1::2], strict=True):
        sequence += step
        pairs.append((sequence, count))
    return pairs[:MAX_ENTRIES]


def _packed(counts: dict[int, int]) -> bytes:
    return b"".join(_varints(sorted(counts.items())))


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
