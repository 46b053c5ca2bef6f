"""Dead letters as text: a table in portions, JSON, YAML, names, and one of them in full."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from jethook_cli import options, table
from jethook_cli.dead_letters_select import event_of, variables
from jethook_contract.deadletters import DeadLetter, one_line

NAME_PREFIX = "deadletter/"
_PORTION = 500  # rows that are aligned together; what has been printed keeps its widths
_HEADER = ["ID", "SUBSCRIPTION", "TYPE", "REASON", "ATTEMPTS", "STATUS", "AGE"]
_WIDE = ["ENDPOINT", "EVENT ID", "LAST ERROR"]
_GAP = "   "


async def show_all(letters: AsyncIterator[DeadLetter], *, output: options.Output | None) -> int:
    """Print dead letters as they come, in bounded memory; give their number."""
    if output is options.Output.NAME:
        return await _names(letters)
    if output is options.Output.JSON:
        return await _json(letters)
    if output is options.Output.YAML:
        return await _yaml(letters)
    return await _table(letters, wide=output is options.Output.WIDE)


def show_one(letter: DeadLetter, *, output: options.Output | None) -> None:
    """Print one in full."""
    if output is options.Output.NAME:
        print(f"{NAME_PREFIX}{letter.sequence}")
    elif output is options.Output.JSON:
        print(json.dumps(document(letter), indent=2))
    elif output is options.Output.YAML:
        print(_as_yaml(document(letter)).rstrip())
    else:
        print("\n".join(_lines(letter)))


def document(letter: DeadLetter) -> dict[str, Any]:
    """Give all of a dead letter as plain data; octets that are no UTF-8 as `dataBase64`."""
    document = {
        "id": letter.sequence,
        "namespace": letter.namespace,
        **variables(letter),
        "answerExcerpt": letter.answer_excerpt,
        "webhookId": letter.webhook_id,
        "diedAt": letter.died_at.isoformat(),
        "storedAt": letter.stored_at.isoformat() if letter.stored_at else "",
        "eventSequence": letter.event_sequence,
        "eventSubject": letter.event_subject,
        "headers": dict(letter.headers),
    }
    try:
        return {**document, "data": letter.data.decode()}
    except UnicodeDecodeError:
        return {**document, "dataBase64": b64encode(letter.data).decode()}


async def _names(letters: AsyncIterator[DeadLetter]) -> int:
    count = 0
    async for letter in letters:
        print(f"{NAME_PREFIX}{letter.sequence}")
        count += 1
    return count


async def _json(letters: AsyncIterator[DeadLetter]) -> int:
    count = 0
    print('{"kind": "DeadLetterList", "items": [', end="")
    async for letter in letters:
        print(",\n" if count else "\n", json.dumps(document(letter)), sep="", end="")
        count += 1
    print("\n]}" if count else "]}")
    return count


async def _yaml(letters: AsyncIterator[DeadLetter]) -> int:
    count = 0
    async for letter in letters:
        print("" if count else "kind: DeadLetterList\nitems:\n", _as_yaml([document(letter)]), sep="", end="")
        count += 1
    if not count:
        print("kind: DeadLetterList\nitems: []")
    return count


async def _table(letters: AsyncIterator[DeadLetter], *, wide: bool) -> int:
    count, now = 0, datetime.now(UTC)
    header = [*_HEADER, *(_WIDE if wide else ())]
    rows, widths = [header], [0] * len(header)
    async for letter in letters:
        rows.append(_row(letter, wide=wide, now=now))
        count += 1
        if len(rows) == _PORTION:
            _print_rows(rows, widths)
            rows = []
    if count and rows:
        _print_rows(rows, widths)
    if not count:
        print("no dead letter found", file=sys.stderr)
    return count


def _print_rows(rows: list[list[str]], widths: list[int]) -> None:
    widths[:] = [max(width, *(len(row[i]) for row in rows)) for i, width in enumerate(widths)]
    for row in rows:
        print(_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(letter: DeadLetter, *, wide: bool, now: datetime) -> list[str]:
    event = event_of(letter)
    cells = [
        str(letter.sequence),
        letter.subscription,
        event.type if event else "",
        letter.reason,
        str(letter.attempts),
        str(letter.status_code or ""),
        table.age(letter.died_at.isoformat(), now=now),
    ]
    if wide:
        cells += [letter.endpoint.rpartition("/")[2], event.id if event else "", letter.last_error]
    return [one_line(cell) or "-" for cell in cells]


def _lines(letter: DeadLetter) -> list[str]:
    event = event_of(letter)
    facts = [
        ("ID", str(letter.sequence)),
        ("Namespace", letter.namespace),
        ("Subscription", letter.subscription),
        ("Endpoint", letter.endpoint.rpartition("/")[2]),
        ("Reason", letter.reason),
        ("Attempts", str(letter.attempts)),
        ("Last Error", letter.last_error),
        ("Status Code", str(letter.status_code or "")),
        ("Answer", letter.answer_excerpt),
        ("Webhook ID", letter.webhook_id),
        ("Died At", letter.died_at.isoformat()),
        ("Stored At", letter.stored_at.isoformat() if letter.stored_at else ""),
        ("Event Sequence", str(letter.event_sequence or "")),
        ("Event Subject", letter.event_subject),
        ("Event Type", event.type if event else ""),
        ("Event ID", event.id if event else ""),
    ]
    lines = [f"{name + ':':<16}{one_line(value) or '-'}" for name, value in facts]
    headers = [f"  {one_line(name)}: {one_line(value)}" for name, value in letter.headers.items()]
    return [*lines, "Headers:", *(headers or ["  none"]), f"Data ({len(letter.data)} bytes):", *_data(letter.data)]


def _data(data: bytes) -> list[str]:
    """Show the data; a terminal gets no control characters of a stranger's."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ["  no UTF-8 text; -o json gives it in base64"]
    clean = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return [f"  {line}" for line in clean.split("\n")]


def _as_yaml(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
