"""Dead letters of one namespace in a real nats-server, and the command line as a process of its own."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from nats.js.api import StreamState

from jethook_contract import deadletters, names
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.plan import RetryPolicy
from jethook_contract.subjects import deadletters_subject
from tests.dispatcher.lanes.world import NAMESPACE, QUICK_RETRY, World, event
from tests.fixtures.nats import NatsServer

STREAM = names.events_stream(NAMESPACE)
LETTERS = names.deadletters_stream(NAMESPACE)
INSTALL = {names.METADATA_INSTALL_ID: "test"}
SECONDS = 60.0


class Rig:
    """One namespace, and the commands against it."""

    def __init__(self, world: World, *, url: str) -> None:
        self.world = world
        self.js = world.js
        self.url = url
        self._stored = 0

    async def store(
        self,
        subscription: str = "orders",
        count: int = 1,
        *,
        reason: str = "AttemptsExhausted",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> list[int]:
        """Store dead letters as another writer would, event ids `event-0` and on; give their ids."""
        acks = []
        for number in range(self._stored, self._stored + count):
            acks.append(
                await self.js.publish_async(
                    deadletters_subject(NAMESPACE, subscription),
                    body if body is not None else event(f"event-{number}"),
                    headers={
                        deadletters.REASON: reason,
                        deadletters.ENDPOINT: f"{NAMESPACE}/crm",
                        deadletters.ATTEMPTS: "3",
                        **(headers or {}),
                    },
                )
            )
            if len(acks) % 500 == 0:
                await self.js.publish_async_completed()
        self._stored += count
        return [(await ack).seq for ack in acks]

    async def letters(self) -> StreamState:
        """Give the state of the dead letters stream."""
        return (await self.js.stream_info(LETTERS)).state

    async def states(self) -> dict[str, tuple[int, int, int, int]]:
        """Give what every stream holds, the buckets included, and how many consumers it has."""
        infos = await self.js.streams_info()
        return {
            info.config.name or "": (
                info.state.messages,
                info.state.first_seq,
                info.state.last_seq,
                info.state.consumer_count,
            )
            for info in infos
        }

    async def jethook(self, *arguments: str, namespace: str = NAMESPACE) -> subprocess.CompletedProcess[str]:
        """Run a command; nobody is at its terminal."""
        return await asyncio.to_thread(
            subprocess.run,
            self.command(*arguments, namespace=namespace),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )

    def command(self, *arguments: str, namespace: str = NAMESPACE) -> list[str]:
        """Spell a command against a namespace."""
        return [sys.executable, "-m", "jethook_cli", *arguments, "-n", namespace, "--nats", self.url]

    async def answer(self, *arguments: str, says: str) -> tuple[int, str]:
        """Run a command at a terminal on which a person types `says`; give the exit code and what was to be seen."""
        return await asyncio.to_thread(_at_a_terminal, self.command(*arguments), says=says)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that a signal is to end."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )


def environment() -> dict[str, str]:
    """Give the environment without what would lead a command elsewhere."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("JETHOOK_", "KUBE"))}
    return {**clean, "NO_COLOR": "1", "COLUMNS": "200"}


async def interrupted(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Send SIGINT; give the exit code, stdout and stderr."""
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate, timeout=SECONDS)
    return process.returncode, out, err


@asynccontextmanager
async def rig(server: NatsServer, folder: Path) -> AsyncIterator[Rig]:
    """Lay the streams of a namespace, the plan of its pool, and the Subscription `orders`."""
    client = await connect(ConnectionSettings(servers=(server.url,)), hooks=ConnectionHooks())
    world = World(client, keys_file=folder / "keys")
    await world.lay()
    yield Rig(world, url=server.url)
    await client.close()


async def subscribe(
    rig: Rig,
    subscription: str = "orders",
    *,
    endpoint: str = "crm",
    url: str = "http://127.0.0.1:1/hook",
    retry: RetryPolicy = QUICK_RETRY,
) -> None:
    """Make a Subscription of this installation: consumer and plan part."""
    await rig.world.subscribe(subscription, url=url, endpoint=endpoint, retry=retry)
    consumer = names.subscription_consumer(subscription)
    config = (await rig.js.consumer_info(STREAM, consumer)).config
    config.metadata = INSTALL
    await rig.js.add_consumer(STREAM, config)


async def remove_part(rig: Rig, subscription: str = "orders") -> None:
    """Take a Subscription out of the plan; a delete marker stays."""
    bucket = await rig.js.key_value(names.plan_bucket("default"))
    await bucket.delete(names.plan_key(NAMESPACE, "crm", subscription))


def _at_a_terminal(command: list[str], *, says: str) -> tuple[int, str]:
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{says}\n".encode())
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment())
    os.close(terminal)
    seen = _read_all(keyboard)
    return process.wait(SECONDS), seen


def _read_all(keyboard: int) -> str:
    seen = b""
    try:
        while chunk := os.read(keyboard, 4096):
            seen += chunk
    except OSError:  # the terminal's other side was closed: the end
        pass
    finally:
        os.close(keyboard)
    return seen.decode()
