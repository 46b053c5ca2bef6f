"""A dispatcher in a process of its own, to be killed, stopped and drained: `child.py NATS_URL KEYS_FILE MEMBER`."""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from jethook_contract.connection import ConnectionSettings
from jethook_dispatcher.shell.main import run
from jethook_dispatcher.shell.settings import DispatcherSettings


async def main(url: str, keys_file: str, member: str) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = DispatcherSettings(
        nats=ConnectionSettings(servers=(url,), name=member), plan_keys_file=Path(keys_file), member=member
    )
    return await run(settings, stop=stop)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise SystemExit(runner.run(main(*sys.argv[1:])))
