"""A real API server with Jethook's processes beside it: an operator and two dispatchers, none with admin rights."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hack.demo_receivers import QUICKSTART
from hack.kubernetes import ApiServer
from jethook_cli.embedded_nats import EmbeddedNats
from jethook_contract.names import DEFAULT_POOL
from jethook_contract.sealing import KeyRing

ROOT = Path(__file__).parent.parent
NAMESPACE = "jethook-system"
DISPATCHERS = 2


class Cluster:
    """The API server, a nats-server, and Jethook as processes; `folder` keeps their logs and keys."""

    def __init__(self, api: ApiServer, nats_url: str, folder: Path) -> None:
        self.api = api
        self.nats_url = nats_url
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.version = api.kubectl("version", "-o", "json").stdout.split('"gitVersion": "')[-1].partition('"')[0]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the platform's admin and give what it prints."""
        return self.api.kubectl(*arguments, stdin=stdin).stdout

    @contextlib.contextmanager
    def jethook(self) -> Iterator[None]:
        """Run the operator and the dispatchers until the block ends."""
        keys = self._folder / "plan-keys"
        keys.mkdir(mode=0o700)
        (keys / DEFAULT_POOL).write_text(KeyRing.generate().get_secret_value())
        operator = self._process(
            "operator", "jethook-operator", "--namespace", NAMESPACE, "--plan-keys", str(keys), "--install-id", "demo"
        )
        dispatchers = [
            self._process(
                "dispatcher", "jethook-dispatcher", "--pool", DEFAULT_POOL, "--plan-key", str(keys / DEFAULT_POOL),
                "--kubernetes",
            )
            for _ in range(DISPATCHERS)
        ]  # fmt: skip
        self._processes = [operator, *dispatchers]
        try:
            yield
        finally:
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                process.wait(timeout=60)

    def ended(self) -> str:
        """Give the logs when a process has ended by itself; empty while all run."""
        return self.logs() if any(process.poll() is not None for process in self._processes) else ""

    def logs(self) -> str:
        """Give the last lines of every process."""
        return "\n".join(f"--- {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self._folder.glob("*.log")))

    def _process(self, command: str, account: str, *arguments: str) -> subprocess.Popen[bytes]:
        kubeconfig = self.api.kubeconfig_for(account, namespace=NAMESPACE)
        number = len(list(self._folder.glob(f"{command}-*.log"))) + 1
        environment = {**os.environ, "JETHOOK_NATS_URL": self.nats_url, "KUBECONFIG": str(kubeconfig)}
        with (self._folder / f"{command}-{number}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "jethook_cli", command, *arguments], env=environment, stdout=log, stderr=log
            )


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[Cluster]:
    """Start everything, apply CRDs, rights and the quickstart's pool; stop everything by pid."""
    api = ApiServer(folder / "kubernetes")
    with contextlib.ExitStack() as stack:
        stack.callback(api.close)
        api.start()
        nats_url = stack.enter_context(EmbeddedNats(folder / "nats", port=0).running())
        api.kubectl("apply", "-f", str(ROOT / "crds"))
        api.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        api.kubectl("apply", "-f", str(ROOT / "examples" / "kubernetes"))
        started = Cluster(api, nats_url, folder)
        with started.jethook():
            api.kubectl("apply", "-n", NAMESPACE, "-f", str(QUICKSTART / "pool.yaml"))
            try:
                yield started
            except BaseException:
                print(started.logs(), file=sys.stderr)
                raise


@contextlib.contextmanager
def quickstarted(folder: Path) -> Iterator[Cluster]:
    """Install, and apply the quickstart to namespace default as a tenant would."""
    with installed(folder) as cluster:
        for name in ("secrets", "endpoints", "subscriptions"):
            cluster.kubectl("apply", "-n", "default", "-f", str(QUICKSTART / f"{name}.yaml"))
        yield cluster
