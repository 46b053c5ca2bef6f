"""A tenant of a real API server, and an operator there with no more rights than its manifest gives."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from hack.kubernetes import ApiServer
from jethook_contract.connection import ConnectionSettings
from jethook_operator.shell.settings import OperatorSettings
from tests.fixtures import kstatus
from tests.fixtures.nats import NatsServer
from tests.operator.shell.running_operator import plan_keys, ready

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "examples" / "kubernetes"
SYSTEM = "jethook-system"


class Tenant:
    """kubectl in one namespace, off the event loop."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace

    async def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        done = await asyncio.to_thread(
            self.server.kubectl, *arguments, f"--namespace={self.namespace}", stdin=stdin, check=check
        )
        return done.stdout

    async def apply(self, text: str) -> None:
        await self.kubectl("apply", "-f", "-", stdin=text)

    async def get(self, kind: str, name: str) -> Any:
        found = json.loads(await self.kubectl("get", kind, name, "-o", "json", check=False) or "null")
        if found is not None and found["apiVersion"].startswith("jethook.io/"):
            kstatus.check(found)  # whatever a test looks at, Flux could have looked at
        return found

    async def is_ready(self, kind: str, name: str, status: str = "True") -> bool:
        return ready(await self.get(kind, name)) == status

    async def all_ready(self) -> bool:
        return await self.is_ready("whe", "orders") and await self.is_ready("whsub", "all")


def settings_for(server: ApiServer, nats: NatsServer, folder: Path, **changes: Any) -> OperatorSettings:
    """Install the rights and act as the operator's ServiceAccount."""
    server.kubectl("apply", "-f", str(MANIFESTS))
    given: dict[str, Any] = {
        "install_id": "test",
        "plan_keys_dir": plan_keys(folder),
        "nats": ConnectionSettings(servers=(nats.url,)),
        "kubeconfig": server.kubeconfig_for("jethook-operator", namespace=SYSTEM),
        "namespace": SYSTEM,
        "events_max_bytes": 4 * 1024 * 1024,
    }
    return OperatorSettings(**{**given, **changes})
