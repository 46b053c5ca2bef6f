"""Break an installation in every way while it delivers, and count at the receivers what it kept of its promises.

Real processes on loopback: nats-server, operator, dispatchers behind proxies, receivers that misbehave. The seed
decides faults, events and misbehaviour. Exit code 1 when a promise was broken; the logs are then kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from hack.chaos_faults import PlannedFault, dice, duration_seconds, schedule
from hack.chaos_installation import ROOT, ChaosInstallation
from hack.chaos_kinds import KINDS
from hack.chaos_nats import ChaosNats
from hack.chaos_publisher import Publisher
from hack.chaos_verdict import Request, Verdict, judge
from jethook_contract.connection import disconnect

CONSUMERS_SECONDS = 60.0
FIRST_DELIVERY_SECONDS = 60.0
OPEN_SECONDS = 60.0
LEAST_DRAIN_SECONDS = 120.0
EVENTS_DRAINED_PER_SECOND = 60
NATS_WRITES_BEHIND_SECONDS = 1.0  # a killed nats-server may forget acknowledgements of the last moment


@dataclass(slots=True)
class Run:
    """One run: what was asked for, and what is known when it has ended."""

    seed: int
    events: int
    dispatchers: int
    folder: Path
    in_flight: int = 0
    left: str = ""
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print a line of progress, with the seconds since the start."""
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)


def main() -> int:
    """Run, print the verdict; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m hack.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=20_000, help="events to be acknowledged (default: 20000)")
    parser.add_argument("--dispatchers", type=int, default=3, choices=(2, 3))
    asked = parser.parse_args()
    _environment()
    run = Run(asked.seed, asked.events, asked.dispatchers, Path(tempfile.mkdtemp(prefix="jethook-chaos-")))
    kept = False
    try:
        verdict = asyncio.run(_until_told(run))
        kept = not verdict.broken and not run.left
    finally:
        if kept:
            shutil.rmtree(run.folder)
        else:
            print(f"logs, store and records: {run.folder}", flush=True)
    for text in verdict.broken:
        print(f"BROKEN {text}", flush=True)
    if run.left:
        print(f"BROKEN still waiting at the end: {run.left}", flush=True)
    print(verdict.line(), flush=True)
    return 0 if kept else 1


def _environment() -> None:
    """Let the children find this tree, and take nothing of this shell's Jethook."""
    for name in [name for name in os.environ if name.startswith("JETHOOK_")]:
        del os.environ[name]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))


async def _until_told(run: Run) -> Verdict:
    """Run; SIGTERM ends it as Ctrl-C does, in order."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    installation = ChaosInstallation(run.folder, seed=run.seed, dispatchers=run.dispatchers)
    try:
        await installation.start()
        nats = await ChaosNats.open(installation.nats_url)
        try:
            return await _measured(run, installation=installation, nats=nats)
        finally:
            await disconnect(nats.client)
    finally:
        await installation.stop()


async def _measured(run: Run, *, installation: ChaosInstallation, nats: ChaosNats) -> Verdict:
    await nats.await_consumers(seconds=CONSUMERS_SECONDS)
    faults = schedule(dice(f"{run.seed}/faults"), events=run.events, dispatchers=run.dispatchers)
    publisher = Publisher(
        nats.client,
        random=dice(f"{run.seed}/events"),
        wanted=run.events,
        per_second=run.events / duration_seconds(faults),
    )
    run.say(f"{len(KINDS)} endpoints, {run.dispatchers} dispatchers, {run.events} events, {len(faults)} faults")
    keeping = asyncio.create_task(installation.keep())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publisher.run())
            tasks.create_task(_strike(run, faults, publisher=publisher, installation=installation, nats=nats))
        run.say(f"all published, all repaired; {installation.restarts} processes had ended by themselves")
        seconds = LEAST_DRAIN_SECONDS + run.events / EVENTS_DRAINED_PER_SECOND
        run.left = await nats.await_empty(seconds=seconds)
        run.say("nothing waits" if not run.left else f"after {seconds:.0f} s there still waits: {run.left}")
        await installation.state()
        return await _verdict(run, publisher=publisher, installation=installation, nats=nats)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _strike(
    run: Run,
    faults: tuple[PlannedFault, ...],
    *,
    publisher: Publisher,
    installation: ChaosInstallation,
    nats: ChaosNats,
) -> None:
    """Strike when the publisher has come so far and requests are open: a fault beside idle processes shows nothing."""
    await _until_open(installation, seconds=FIRST_DELIVERY_SECONDS)
    for number, fault in enumerate(faults, 1):
        await publisher.reached(number / (len(faults) + 1))
        state = await _until_open(installation, seconds=OPEN_SECONDS)
        in_flight = await nats.in_flight()
        if fault.kind == "kill-nats":
            await asyncio.sleep(NATS_WRITES_BEHIND_SECONDS)
            in_flight += (await installation.state())["count"] - state["count"]
        run.in_flight += in_flight
        where = f" dispatcher {fault.target}" if fault.kind not in {"kill-all", "kill-nats"} else ""
        run.say(
            f"{fault.kind}{where} for {fault.lasts_seconds} s; {state['open']} requests open, {in_flight} in flight"
        )
        await installation.strike(fault)


async def _until_open(installation: ChaosInstallation, *, seconds: float) -> dict[str, int]:
    deadline = time.monotonic() + seconds
    while not (state := await installation.state())["open"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no request was open for {seconds:.0f} s: nothing is delivered")
        await asyncio.sleep(0.02)
    return state


async def _verdict(run: Run, *, publisher: Publisher, installation: ChaosInstallation, nats: ChaosNats) -> Verdict:
    return judge(
        KINDS,
        seed=run.seed,
        published=publisher.accepted,
        unconfirmed=publisher.unconfirmed,
        requests=read_requests(installation.records),
        dead=await nats.dead_letters(),
        in_flight_at_faults=run.in_flight,
    )


def read_requests(records: Path) -> list[Request]:
    """Read what the receiver wrote down."""
    found = []
    for line in records.read_text().splitlines():
        one = json.loads(line)
        found.append(Request(one["s"], tuple(one["i"]), one["a"], one["e"], one["t"]))
    return found


if __name__ == "__main__":
    sys.exit(main())
