"""`jethook dead-letters`: look at what was given up, remove it, send it again."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from jethook_cli import dead_letters_work as work
from jethook_cli import options
from jethook_cli.dead_letters_read import open_dead_letters
from jethook_cli.dead_letters_select import Selected, Selection, condition
from jethook_cli.dead_letters_show import NAME_PREFIX, show_all, show_one
from jethook_cli.dead_letters_work import Chosen, existing
from jethook_contract.connection import ConnectionSettings
from jethook_contract.deadletters import DeadLetter

_MAX_DIGITS = 19  # a sequence has 64 bits

app = typer.Typer(help="List, show, delete and redrive what could not be delivered.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, as `list` shows them.")]
OutputForm = Annotated[options.Output | None, typer.Option("--output", "-o", help="Form of the output.")]
OfSubscription = Annotated[str | None, typer.Option("--subscription", help="Those of this Subscription.")]
OfReason = Annotated[str | None, typer.Option("--reason", help="Those with this reason, e.g. AttemptsExhausted.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="CEL",
        help="Those for which this is true. It sees `event`, and `deadletter` with reason, attempts, subscription,"
        " endpoint, lastError and statusCode.",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, the oldest first.")]
All = Annotated[bool, typer.Option("--all", help="All of the namespace.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would be done to, and do nothing.")]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.01, max=100_000, help="At most so many a second; as fast as it goes.")
]


@app.command("list")
def list_(
    output: OutputForm = None,
    subscription: OfSubscription = None,
    reason: OfReason = None,
    where: Where = None,
    limit: Limit = None,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """List dead letters, the oldest first."""
    selection = Selection(subscription=subscription, reason=reason, where=condition(where), limit=limit)
    settings = options.nats_settings(nats, standalone, nats_credentials)
    asyncio.run(_list(selection, output=output, namespace=namespace or "default", settings=settings))


@app.command()
def show(
    dead_letter: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    output: OutputForm = None,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """Show one dead letter in full: why it was given up, the last answer, the event."""
    (sequence,) = _ids([dead_letter])
    settings = options.nats_settings(nats, standalone, nats_credentials)
    show_one(asyncio.run(_one(sequence, namespace=namespace or "default", settings=settings)), output=output)


@app.command()
def delete(
    ids: Ids = None,
    subscription: OfSubscription = None,
    reason: OfReason = None,
    where: Where = None,
    limit: Limit = None,
    everything: All = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """Delete dead letters, by id or by selection; they cannot be brought back."""
    selection = Selection(subscription=subscription, reason=reason, where=condition(where), limit=limit)
    _check_named(ids, selection=selection, everything=everything)
    chosen = Chosen(ids=_ids(ids), selection=selection, namespace=namespace or "default")
    settings = options.nats_settings(nats, standalone, nats_credentials)
    if dry_run:
        work.show(chosen, verb=work.DELETE, settings=settings)
    else:
        work.carry_out(chosen, verb=work.DELETE, settings=settings, ask=not yes)


@app.command()
def redrive(
    ids: Ids = None,
    subscription: OfSubscription = None,
    reason: OfReason = None,
    where: Where = None,
    limit: Limit = None,
    everything: All = False,
    rate: Rate = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """Send dead letters to their Subscriptions again, by id or by selection; each is removed once it is on its way."""
    selection = Selection(subscription=subscription, reason=reason, where=condition(where), limit=limit)
    _check_named(ids, selection=selection, everything=everything)
    chosen = Chosen(ids=_ids(ids), selection=selection, namespace=namespace or "default")
    settings = options.nats_settings(nats, standalone, nats_credentials)
    if dry_run:
        work.show(chosen, verb=work.REDRIVE, settings=settings)
    else:
        work.carry_out(chosen, verb=work.REDRIVE, settings=settings, ask=not yes, rate=rate)


async def _list(
    selection: Selection, *, output: options.Output | None, namespace: str, settings: ConnectionSettings
) -> None:
    async with open_dead_letters(settings, namespace=namespace) as stream:
        await show_all(Selected(stream, selection=selection).letters(), output=output)


async def _one(sequence: int, *, namespace: str, settings: ConnectionSettings) -> DeadLetter:
    async with open_dead_letters(settings, namespace=namespace) as stream:
        return await existing(stream, sequence)


def _ids(given: list[str] | None) -> tuple[int, ...]:
    """Read ids, as numbers or as `-o name` prints them; each once."""
    return tuple(dict.fromkeys(_id(text) for text in given or ()))


def _id(text: str) -> int:
    digits = text.removeprefix(NAME_PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) < _MAX_DIGITS and int(digits)):
        raise typer.BadParameter(
            f"{text[:40]!r} is no id of a dead letter; `jethook dead-letters list` shows them", param_hint="ID"
        )
    return int(digits)


def _check_named(ids: list[str] | None, *, selection: Selection, everything: bool) -> None:
    """Refuse a command that says twice, or not at all, which dead letters it means."""
    selects = everything or any((selection.subscription, selection.reason, selection.where))
    if ids and (selects or selection.limit):
        raise typer.BadParameter("give either ids or a selection, not both", param_hint="ID")
    if not ids and not selects:
        raise typer.BadParameter(
            "say which: give ids, or select with --subscription, --reason or --where, or take --all", param_hint="ID"
        )
