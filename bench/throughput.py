"""How many deliveries a second one dispatcher process makes, beside a bare loop that does the same work.

One endpoint that answers at once, 1 KiB events, signed, `maxInFlight` 100, with nats-server and receiver on the same
machine. The backlog is laid before the clock starts; runs of both alternate; each figure is the median of five. The
dispatcher is one process over all its runs, so that its memory is seen over 100,000 events.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

from bench.installation import Installation, Receiver, process
from jethook_contract import names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from tests.fixtures.nats import NatsServer

RUNS = 5
EVENTS = 20_000
RUN_SECONDS = 40.0


async def measure() -> dict[str, object]:
    """Run the scenario; about two minutes."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder) / "nats")
        server.start()
        try:
            return await _measure(server.url, folder=Path(folder))
        finally:
            server.close()


async def _measure(url: str, *, folder: Path) -> dict[str, object]:
    log, keys = folder / "log", folder / "keys"
    client = await connect(ConnectionSettings(servers=(url,)), hooks=ConnectionHooks())
    installation = Installation(client, keys_file=keys)
    await installation.lay_pool()
    await installation.lay_namespace("product")
    await installation.lay_namespace("reference")
    dispatcher = ("-m", "jethook_cli", "dispatcher", "--nats", url, "--plan-key", str(keys), "--member", "bench")
    async with (
        process("-m", "bench.receiver", log=log, stdout=asyncio.subprocess.PIPE) as receiving,
        process(*dispatcher, log=log) as dispatching,
    ):
        if receiving.stdout is None:
            raise RuntimeError("the receiver has no output")
        receiver = Receiver(int(await receiving.stdout.readline()))
        product, reference, memory = [], [], []
        for _ in range(RUNS):
            reference.append(await _reference(installation, url=url, receiver=receiver, log=log))
            memory.append(_resident_mebibytes(dispatching.pid))
            product.append(await _product(installation, receiver=receiver))
        memory.append(_resident_mebibytes(dispatching.pid))
    await client.close()
    return _result(product, reference=reference, memory=memory)


async def _product(installation: Installation, *, receiver: Receiver) -> float:
    await installation.write_part("product", url=receiver.url, state="Suspended")
    await installation.fill("product", count=EVENTS)
    await receiver.counts("reset")
    await installation.write_part("product", url=receiver.url, state="Active")
    return await receiver.wait_for(EVENTS, seconds=RUN_SECONDS)


async def _reference(installation: Installation, *, url: str, receiver: Receiver, log: Path) -> float:
    await installation.fill("reference", count=EVENTS)
    await receiver.counts("reset")
    stream, consumer = names.events_stream("reference"), names.subscription_consumer("reference")
    arguments = ("-m", "bench.reference", url, stream, consumer, receiver.url, str(EVENTS))
    async with process(*arguments, log=log) as loop:
        rate = await receiver.wait_for(EVENTS, seconds=RUN_SECONDS)
        await loop.wait()
    return rate


def _result(product: list[float], *, reference: list[float], memory: list[float]) -> dict[str, object]:
    ours, theirs = statistics.median(product), statistics.median(reference)
    return {
        "deliveries_per_second": round(ours),
        "reference": round(theirs),
        "ratio": round(ours / theirs, 2),
        "runs": [round(rate) for rate in product],
        "reference_runs": [round(rate) for rate in reference],
        "events": RUNS * EVENTS,
        "rss_start_mb": round(memory[0], 1),
        "rss_after_first_run_mb": round(memory[1], 1),
        "rss_end_mb": round(memory[-1], 1),
    }


def _resident_mebibytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")
