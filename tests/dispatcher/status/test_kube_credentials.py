"""Where the dispatcher finds the credentials of a cluster; a process of its own, since HOME is read at import."""

import os
import subprocess
import sys
from pathlib import Path

from hack.kubeconfig import write_kubeconfig

PROGRAM = """
import asyncio
from jethook_contract.errors import Invalid
from jethook_dispatcher.shell.kube_client import KubeClient

async def main():
    client = await KubeClient.open(None)
    print(client.server_url)
    await client.close()

try:
    asyncio.run(main())
except Invalid as exc:
    print(exc)
"""


def _opened(home: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**clean, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_outside_a_pod_the_usual_kubeconfig_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / ".kube"
    folder.mkdir()
    write_kubeconfig(folder / "config", url="https://127.0.0.1:6443", ca_pem=b"", token="t")
    assert _opened(tmp_path) == "https://127.0.0.1:6443"


def test_without_any_the_cure_is_named(tmp_path: Path) -> None:
    said = _opened(tmp_path)
    assert said.startswith("NoCluster")
    assert "--kubeconfig" in said
