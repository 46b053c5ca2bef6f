"""The operator's process: builds the parts, wires changes to reconciles, and ends in order.

Changes go one way: provider -> store -> keys that are affected -> work queue -> reconciler -> NATS and status.

With an election, a process that stands by gathers and does nothing else until it leads (shell/leadership).

The order of shutdown, whatever asks for it: (1) the provider and the timers stop, so that no new key arrives; (2) the
queue starts nothing more and what is in work ends, within ten seconds, or at once where this process does not lead (any
more); (3) events and other background work stop; (4) the lease, which was renewed until here, is released, so that
another process takes over; (5) the Kubernetes clients close; (6) the NATS connection is drained. Nothing else is owed:
whatever was not done is found again by the next process, from what is and what should be.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog
from nats.aio.client import Client

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect_patiently, disconnect
from jethook_contract.errors import JethookError, Unavailable
from jethook_contract.logs import configure_logging
from jethook_operator.shell.elected import elected
from jethook_operator.shell.metrics import untold
from jethook_operator.shell.monitored import monitored
from jethook_operator.shell.operation import Operation, operation
from jethook_operator.shell.settings import OperatorSettings

_FINISH_SECONDS = 10.0
_DRAIN_SECONDS = 5.0
_log = structlog.get_logger(__name__)


async def run(settings: OperatorSettings, *, stop: asyncio.Event) -> None:
    """Run the operator until `stop` is set, with its log on stderr. Raises as `operate` does."""
    # It warns that signals are not its own, which is on purpose: see kube_watch.
    configure_logging(only_errors_of=["kopf._core.reactor.running"])
    await operate(settings, stop=stop)


async def operate(settings: OperatorSettings, *, stop: asyncio.Event) -> None:
    """Run the operator until `stop` is set.

    Raises the JethookError that makes going on useless: NATS closed the connection for good, a watch ended, the lease
    is lost, a setting is wrong. The caller ends the process with exit code 1, and it is started anew.
    """
    closed = asyncio.Event()
    hooks = ConnectionHooks(closed=[_setter(closed)], disconnected=[_tell_disconnected])
    async with (
        monitored(settings) as monitoring,
        _connection(settings.nats, hooks=hooks, stop=stop) as client,
        elected(settings) as leadership,
    ):
        if client is None:
            return
        reconciled = monitoring.reconciled if monitoring else untold
        work = await operation(settings, client=client, leadership=leadership, reconciled=reconciled)
        if monitoring is not None:
            monitoring.watch(work, client=client)
        hooks.reconnected.append(work.reconnected)
        _log.info("operator_started", provider=settings.provider, install_id=settings.install_id)
        try:
            await _run_until(work, stop=stop, closed=closed)
        finally:
            await work.surface.close()
    _log.info("operator_stopped")


async def _run_until(work: Operation, *, stop: asyncio.Event, closed: asyncio.Event) -> None:
    gathering = [asyncio.create_task(one) for one in work.gathering()]
    queue = asyncio.create_task(work.reconciling())
    background = asyncio.create_task(work.background())
    election = asyncio.create_task(work.electing())
    asked, ended = asyncio.create_task(stop.wait()), asyncio.create_task(closed.wait())
    tasks = {*gathering, queue, background, election, asked, ended}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leads = work.leadership.leads
        await _cancel(*gathering, asked, ended, *(() if leads else (election,)))
        work.stop_reconciling()
        await _finish(queue, leads=leads)
        await _cancel(background, election)
        await work.leadership.release()
    if ended in done:
        raise Unavailable("NATSClosed", "the connection to NATS is closed for good; the process must be started anew")
    for task in done - {asked}:
        task.result()


@contextlib.asynccontextmanager
async def _connection(
    settings: ConnectionSettings, *, hooks: ConnectionHooks, stop: asyncio.Event
) -> AsyncIterator[Client | None]:
    """Connect to NATS, however long that takes; give None when the process is told to stop before."""
    client = await connect_patiently(settings, hooks=hooks, stop=stop, waiting=_tell_waiting)
    try:
        yield client
    finally:
        if client is not None and not client.is_closed:
            with contextlib.suppress(Exception):  # the process ends either way
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await client.drain()
            await disconnect(client)


async def _tell_disconnected() -> None:
    _log.warning("nats_disconnected", effect="everything waits until it is back")


def _tell_waiting(exc: Unavailable) -> None:
    _log.warning("nats_not_reachable", message=exc.message)


async def _finish(queue: asyncio.Task[None], *, leads: bool) -> None:
    if leads:  # else it may change nothing any more, or has not begun
        await asyncio.wait({queue}, timeout=_FINISH_SECONDS)
        if not queue.done():
            _log.warning("reconciles_cut_off", after_seconds=_FINISH_SECONDS)
    await _cancel(queue)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, JethookError):
            _log.error("task_failed", reason=outcome.reason, message=outcome.message)


def _setter(event: asyncio.Event) -> Any:
    async def setter() -> None:
        event.set()

    return setter
