"""What is done to dead letters: choose, show or ask, work through, and say how far it came."""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import typer

from jethook_cli.bulk import Tally, work_through
from jethook_cli.confirmation import confirm
from jethook_cli.dead_letters_read import DeadLetterStream, not_there, open_client, open_dead_letters
from jethook_cli.dead_letters_select import Selected, Selection
from jethook_cli.dead_letters_show import show_all
from jethook_cli.redrive import Redriver
from jethook_contract.connection import ConnectionSettings
from jethook_contract.deadletters import DeadLetter
from jethook_contract.errors import Invalid

Step = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One kind of work: `asks` begins the question, `done` the report; `redrives` sends, otherwise it deletes."""

    asks: str
    done: str
    redrives: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which dead letters of a namespace are meant: those of `ids`, or where there are none those of the selection."""

    ids: tuple[int, ...]
    selection: Selection
    namespace: str


DELETE = Verb(asks="Delete", done="deleted", redrives=False)
REDRIVE = Verb(asks="Redrive", done="redriven", redrives=True)


def show(chosen: Chosen, *, verb: Verb, settings: ConnectionSettings) -> None:
    """Show what it would be done to and what would be refused; touch nothing."""
    refusals = asyncio.run(_show(chosen, verb=verb, settings=settings))
    for told in refusals:
        print(f"would be refused: {told}", file=sys.stderr)
    if refusals:
        raise typer.Exit(1)


def carry_out(
    chosen: Chosen, *, verb: Verb, settings: ConnectionSettings, ask: bool, rate: float | None = None
) -> None:
    """Do it, after a question where `ask`; what is stored after the choice is left alone.

    Raises Invalid `NotConfirmed`, `NotFound`, `NoStream`, Unavailable, and typer.Exit when it was not done to all.
    """
    sequences = asyncio.run(_choose(chosen, settings=settings))
    if not sequences:
        print("no dead letter found, nothing to do", file=sys.stderr)
        return
    if ask:  # between two connections: one whose loop stands still is dropped by the server
        question = f"{verb.asks} {counted(len(sequences))} of namespace {chosen.namespace}?"
        confirm(question, otherwise=f"nothing was {verb.done}")
    tally = asyncio.run(_work(sequences, verb=verb, namespace=chosen.namespace, settings=settings, rate=rate))
    _report(tally, verb=verb)


async def existing(stream: DeadLetterStream, sequence: int) -> DeadLetter:
    """Give a dead letter by its id; raises Invalid `NotFound`, Unavailable."""
    found = await stream.get(sequence)
    if found is None:
        raise not_there(sequence, namespace=stream.namespace)
    return found.letter


def counted(number: int) -> str:
    """Say how many dead letters."""
    return f"{number} dead letter{'' if number == 1 else 's'}"


@dataclass(slots=True)
class _Seen:
    """Pass dead letters on, and remember whose they are."""

    subscriptions: dict[str, None] = field(default_factory=dict)

    async def of(self, letters: AsyncIterator[DeadLetter]) -> AsyncIterator[DeadLetter]:
        async for letter in letters:
            self.subscriptions[letter.subscription] = None
            yield letter


async def _show(chosen: Chosen, *, verb: Verb, settings: ConnectionSettings) -> list[str]:
    async with open_client(settings) as client:
        stream = DeadLetterStream(client, namespace=chosen.namespace)
        seen = _Seen()
        count = await show_all(seen.of(_letters(chosen, stream=stream)), output=None)
        print(f"dry run: {counted(count)} would be {verb.done}, nothing was touched", file=sys.stderr)
        if not verb.redrives:
            return []
        redriver = Redriver(client, letters=stream)
        return [told for name in seen.subscriptions if (told := await _refusal(redriver, name))]


async def _letters(chosen: Chosen, *, stream: DeadLetterStream) -> AsyncIterator[DeadLetter]:
    if chosen.ids:
        for sequence in chosen.ids:
            yield await existing(stream, sequence)
    else:
        async for letter in Selected(stream, selection=chosen.selection).letters():
            yield letter


async def _refusal(redriver: Redriver, subscription: str) -> str:
    try:
        await redriver.target(subscription)
    except Invalid as exc:
        return f"{exc.message} ({exc.reason})"
    return ""


async def _choose(chosen: Chosen, *, settings: ConnectionSettings) -> Sequence[int]:
    async with open_dead_letters(settings, namespace=chosen.namespace) as stream:
        return array("Q", [letter.sequence async for letter in _letters(chosen, stream=stream)])


async def _work(
    sequences: Sequence[int], *, verb: Verb, namespace: str, settings: ConnectionSettings, rate: float | None
) -> Tally:
    async with open_client(settings) as client:
        stream = DeadLetterStream(client, namespace=namespace)
        step: Step = Redriver(client, letters=stream).redrive if verb.redrives else stream.delete
        return await work_through(sequences, step=step, what=verb.done, rate=rate)


def _report(tally: Tally, *, verb: Verb) -> None:
    print(f"{tally.done} of {counted(tally.total)} {verb.done}")
    if tally.gone:
        print(f"{tally.gone} had been removed by somebody else meanwhile", file=sys.stderr)
    for told, count in tally.refused.items():
        print(f"{counted(count)} refused: {told}", file=sys.stderr)
    if tally.interrupted:
        print(f"interrupted: {tally.done} of {tally.total} {verb.done}, the rest is as it was", file=sys.stderr)
    if tally.fault is not None:
        print(f"stopped: {tally.fault.message} ({tally.fault.reason}); the rest is as it was", file=sys.stderr)
    if not tally.complete:
        raise typer.Exit(1)
