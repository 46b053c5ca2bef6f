"""A dispatcher that an event ends: `crashing_child.py NATS_URL KEYS_FILE MEMBER STEP EVENT_IDS`.

STEP is where an event with one of the ids (separated by commas) kills the process, at once and without a word: `send`,
`filter`, or `never`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from jethook_contract.connection import ConnectionSettings
from jethook_contract.event import CloudEvent
from jethook_dispatcher.core.outcome import NotStarted, Outcome
from jethook_dispatcher.core.ownership_state import Timings
from jethook_dispatcher.core.request import OutgoingRequest
from jethook_dispatcher.shell.delivery import Deliverer
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings
from jethook_processing.filters import EventFilter

QUICK = Timings(renew_seconds=0.2, valid_seconds=1.5, dead_seconds=2.0, settle_seconds=0.1, read_seconds=0.1)


def make_deadly(step: str, event_ids: str) -> None:
    """Put the fault into this process: the dispatcher in it is the real one but for that."""
    deliver, wants = Deliverer.deliver, EventFilter.wants
    deadly = frozenset(event_ids.split(","))
    written = [f'"id":"{event_id}"'.encode() for event_id in deadly]

    async def deadly_deliver(
        self: Deliverer, request: OutgoingRequest, *, before_write: Callable[[], bool]
    ) -> Outcome | NotStarted:
        if any(one in request.body for one in written):
            os.kill(os.getpid(), signal.SIGKILL)
        return await deliver(self, request, before_write=before_write)

    def deadly_wants(self: EventFilter, event: CloudEvent) -> bool:
        if event.id in deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return wants(self, event)

    if step == "send":
        Deliverer.deliver = deadly_deliver  # type: ignore[method-assign]  # the fault
    if step == "filter":
        EventFilter.wants = deadly_wants  # type: ignore[method-assign]  # the fault


async def main(url: str, keys_file: str, member: str) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = DispatcherSettings(
        nats=ConnectionSettings(servers=(url,), name=member),
        plan_keys_file=Path(keys_file),
        member=member,
        timings=QUICK,
        backlog_poll_seconds=0.2,
    )
    return await run(settings, stop=stop)


if __name__ == "__main__":
    make_deadly(*sys.argv[4:6])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(main(*sys.argv[1:4])))
