"""`jethook purge`: delete what waits for a Subscription, after a question."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from jethook_cli import options
from jethook_cli.bulk import Progress, stop_on_signal
from jethook_cli.confirmation import confirm
from jethook_cli.dead_letters_read import open_client
from jethook_contract.connection import ConnectionSettings
from jethook_contract.errors import Invalid, JethookError, Unavailable

if TYPE_CHECKING:
    from jethook_cli.purge_waiting import Purge, Waiting

_LOOK_SECONDS = 0.5


def purge(
    subscription: Annotated[str, typer.Argument(help="The Subscription; one that is gone loses its consumer too.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    namespace: options.Namespace = None,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """Delete what waits for a Subscription: what is pending, in back-off and in flight. Later events are delivered.

    Of a Subscription that is gone, it removes the consumer now instead of after the grace. Dead letters stay.
    """
    where = namespace or "default"
    settings = options.nats_settings(nats, standalone, nats_credentials)
    name = f"{where}/{subscription}"
    waiting = asyncio.run(_look(subscription, namespace=where, settings=settings))
    if waiting.config is None and waiting.swept is None:
        raise Invalid("NotFound", f"nothing is kept for Subscription {name}: see the name and -n")
    if waiting.exists and not waiting.events and waiting.swept is None:
        print(f"nothing waits for Subscription {name}", file=sys.stderr)
        return
    if not yes:
        confirm(_question(waiting, name=name), otherwise="nothing was deleted")
    print(asyncio.run(_purge(subscription, namespace=where, settings=settings)))


async def _look(subscription: str, *, namespace: str, settings: ConnectionSettings) -> Waiting:
    from jethook_cli.purge_waiting import Purge  # the operator's parts: 0.3 s

    async with open_client(settings) as client:
        return await Purge(client, namespace=namespace, subscription=subscription).look()


def _question(waiting: Waiting, *, name: str) -> str:
    if waiting.config is None:
        return f"Carry on the removal of what waited for Subscription {name} ({waiting.swept} events are left)?"
    events = f"{waiting.events} events ({waiting.pending} pending, {waiting.handed_out} in flight or in back-off)"
    if waiting.exists:
        return f"Delete the {events} that wait for Subscription {name}?"
    return f"Subscription {name} is gone: remove its consumer now, and the {events} that wait?"


async def _purge(subscription: str, *, namespace: str, settings: ConnectionSettings) -> str:
    """Do it; give what to tell."""
    from jethook_cli.purge_waiting import Purge  # as above

    # The operator's parts log as in their own process; a person is told by the command.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    async with open_client(settings) as client:
        work = Purge(client, namespace=namespace, subscription=subscription)
        with stop_on_signal() as stop:
            try:
                return await _steps(work, stop=stop, name=f"{namespace}/{subscription}")
            except Unavailable as exc:
                raise Unavailable(
                    exc.reason, f"the purge stopped: {exc.message}; give it again to carry it on"
                ) from exc


async def _steps(work: Purge, *, stop: asyncio.Event, name: str) -> str:
    if not await _drained(work, stop=stop):  # what an earlier purge or removal left
        raise _interrupted(name)
    waiting = await work.look()
    if stop.is_set():
        raise Invalid("Interrupted", f"nothing of Subscription {name} was deleted")
    await work.detach(waiting)
    if not await _drained(work, stop=stop):
        raise _interrupted(name)
    if waiting.config is None:
        return f"what was left of an earlier removal for Subscription {name} is deleted"
    if not waiting.exists:
        return f"consumer of Subscription {name} removed, {waiting.events} events with it"
    if waiting.handed_out:
        print(
            f"{waiting.handed_out} of them were handed out: what a dispatcher has in hand (in flight, or held for"
            " order, a window or a batch) may still be sent",
            file=sys.stderr,
        )
    return f"{waiting.events} events deleted that waited for Subscription {name}"


async def _drained(work: Purge, *, stop: asyncio.Event) -> bool:
    """Drain, showing how much is left; False when a signal came first."""
    draining, stopping = asyncio.create_task(work.drain()), asyncio.create_task(stop.wait())
    try:
        with Progress() as progress:
            while not draining.done() and not stopping.done():
                await asyncio.wait((draining, stopping), timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not draining.done() and not stopping.done():
                    progress.show(f"{await work.left()} events left to delete")
    finally:
        for task in (draining, stopping):
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, JethookError):
                    await task
    if not draining.done() or draining.cancelled():
        return False
    draining.result()
    return True


def _interrupted(name: str) -> Invalid:
    return Invalid(
        "Interrupted",
        f"what waited for Subscription {name} is on its way out, its room is not all free yet: the operator carries it"
        " on, and so does the same command",
    )
