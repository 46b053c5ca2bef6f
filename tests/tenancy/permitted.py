"""A nats-server with a user for each process, each with exactly the permissions that the product names for it."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import nats
from nats.aio.client import Client

from jethook_cli.nats_permissions import as_block
from jethook_contract.nats_permissions import (
    NatsPermissions,
    admin_permissions,
    dispatcher_permissions,
    operator_permissions,
    producer_permissions,
)
from tests.fixtures.nats import NatsServer

VIOLATION = " Violation - "  # "Publish Violation", "Subscription Violation"

_LOG_SECONDS, _LOG_LOOKS = 2.0, 40


class PermittedNats:
    """The server, and where its users find it."""

    def __init__(self, folder: Path, users: dict[str, NatsPermissions]) -> None:
        self.users = users
        self.folder = folder
        self._passwords = {user: secrets.token_urlsafe(12) for user in users}
        entries = [
            {"user": user, "password": self._passwords[user], "permissions": as_block(permissions)}
            for user, permissions in users.items()
        ]
        self.server = NatsServer(folder, extra_config=f"authorization: {json.dumps({'users': entries})}")

    def url(self, user: str) -> str:
        """Give the URL with the user's password."""
        return f"nats://{user}:{self._passwords[user]}@127.0.0.1:{self.server.port}"

    def violations(self) -> list[str]:
        """Read what the server refused."""
        log = (self.folder / "nats-server.log").read_text(errors="replace")
        return [line for line in log.splitlines() if VIOLATION in line]

    @asynccontextmanager
    async def client(self, user: str) -> AsyncIterator[Client]:
        """Connect as a foreign program would, with the user's inbox prefix."""
        prefix = self.users[user].inbox_prefix.encode()
        connected = await nats.connect(self.url(user), inbox_prefix=prefix, error_cb=_ignore)
        try:
            yield connected
        finally:
            await connected.close()

    async def refuses(self, user: str, *, publish: str = "", subscribe: str = "") -> bool:
        """Tell whether the server refuses the user to publish to a subject, or to listen to one."""
        before = len(self.violations())
        async with self.client(user) as client:
            if publish:
                await client.publish(publish, b"{}")
            if subscribe:
                await client.subscribe(subscribe)
            await client.flush()  # the server has judged it by then; its log may come a moment later
            for _ in range(_LOG_LOOKS):
                if len(self.violations()) > before:
                    return True
                await asyncio.sleep(_LOG_SECONDS / _LOG_LOOKS)
        return False

    async def jethook(self, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "jethook_cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environment(user),
        )

    def environment(self, user: str) -> dict[str, str]:
        """Give the environment of a process of a user."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("JETHOOK_", "KUBE"))}
        prefix = self.users[user].inbox_prefix
        return {**clean, "JETHOOK_NATS_URL": self.url(user), "JETHOOK_NATS_INBOX_PREFIX": prefix, "NO_COLOR": "1"}

    @contextmanager
    def process(self, user: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process of the product as a user until the block ends; its log is `<user>.log`."""
        with (self.folder / f"{user}.log").open("wb") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "jethook_cli", *arguments], env=self.environment(user), stdout=log, stderr=log
            )
        try:
            yield started
        finally:
            started.terminate()
            started.wait(timeout=60)


def platform_users(*, served: Sequence[str]) -> dict[str, NatsPermissions]:
    """Make the users of a platform with two pools and two tenants; pool `default` serves the given namespaces."""
    return {
        "operator": operator_permissions(),
        "pool-default": dispatcher_permissions("default", namespaces=served),
        "pool-other": dispatcher_permissions("other", namespaces=["books"]),
        "producer-shop": producer_permissions("shop"),
        "producer-books": producer_permissions("books"),
        "admin": admin_permissions(),
    }


async def _ignore(error: Exception) -> None:
    del error
