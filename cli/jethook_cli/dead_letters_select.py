"""Which dead letters are meant: by Subscription, by reason, by a CEL condition."""

from __future__ import annotations

import contextlib
import sys
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass

from jethook_cli.dead_letters_read import DeadLetterStream
from jethook_contract.cloudevents import CloudEvent
from jethook_contract.deadletters import DeadLetter
from jethook_contract.errors import Invalid
from jethook_processing.expressions import Condition, compile_condition
from jethook_processing.parse import parse_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked of a dead letter; None asks nothing. `limit`: how many at most, the oldest first."""

    subscription: str | None = None
    reason: str | None = None
    where: Condition | None = None
    limit: int | None = None


def condition(text: str | None) -> Condition | None:
    """Compile `--where`; raises Invalid `BadExpression`."""
    if text is None:
        return None
    try:
        return compile_condition(text, variables=("deadletter",))
    except Invalid as exc:
        raise Invalid(exc.reason, f"--where: {exc.message}") from exc


class Selected:
    """Give the dead letters of a selection; `unjudged` counts those on which the condition failed, left out."""

    def __init__(self, stream: DeadLetterStream, *, selection: Selection) -> None:
        self._stream = stream
        self._selection = selection
        self.unjudged = 0
        self._example = ""

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """Give them, oldest first; raises Invalid `NoStream`, Unavailable."""
        found = 0
        async with contextlib.aclosing(self._stream.scan(subscription=self._selection.subscription)) as letters:
            async for letter in letters:
                if not self._wants(letter):
                    continue
                yield letter
                found += 1
                if found == self._selection.limit:
                    break
        self._tell_unjudged()

    async def sequences(self) -> array[int]:
        """Give their ids: eight bytes each, however many there are."""
        return array("Q", [letter.sequence async for letter in self.letters()])

    def _wants(self, letter: DeadLetter) -> bool:
        if self._selection.reason not in (None, letter.reason):
            return False
        if self._selection.where is None:
            return True
        try:
            return self._selection.where(event_of(letter), {"deadletter": variables(letter)})
        except Invalid as exc:
            self.unjudged += 1
            self._example = self._example or f"{letter.sequence}: {exc.message}"
            return False

    def _tell_unjudged(self) -> None:
        if self.unjudged:
            print(
                f"--where failed on {self.unjudged} dead letters, which are left out; {self._example}", file=sys.stderr
            )


def variables(letter: DeadLetter) -> dict[str, object]:
    """Give what `--where` sees as `deadletter`; the endpoint by its name, as the Subscription."""
    return {
        "reason": letter.reason,
        "attempts": letter.attempts,
        "subscription": letter.subscription,
        "endpoint": letter.endpoint.rpartition("/")[2],
        "lastError": letter.last_error,
        "statusCode": letter.status_code,
    }


def event_of(letter: DeadLetter) -> CloudEvent | None:
    """Read the event in a dead letter; None for one that cannot be read, which may be why it lies there."""
    try:
        return parse_message(letter.headers, letter.data)
    except Invalid:
        return None
