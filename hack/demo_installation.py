"""The two installations on which the demo runs, behind one small surface, driven by command lines only."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hack.demo_cluster import Cluster, quickstarted
from hack.demo_receivers import QUICKSTART

_READY_SECONDS = 30.0
_COLUMNS = ("NAME", "STATE", "DELIVERED", "RETRIED", "DEAD LETTERS", "P50", "P99")


class Installation(Protocol):
    """A running Jethook."""

    title: str
    where: str
    nats_url: str
    look_further: str

    def objects(self, noun: str) -> list[dict[str, Any]]:
        """List objects with their status."""

    def publish(self, event_type: str, count: int) -> list[str]:
        """Publish, and give the ids of what was stored."""

    def ended(self) -> str:
        """Give what the processes printed last when one has ended by itself; empty while all run."""

    def show(self, moment: str) -> None:
        """Print what a user sees; `moment` is "before" or "after" the events."""


class StandaloneInstallation:
    """`jethook standalone examples/quickstart`."""

    title = "jethook standalone examples/quickstart"

    def __init__(self, nats_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.nats_url = nats_url
        self._process = process
        self._log = log
        self.where = f"NATS on {nats_url.rpartition('@')[2]}"
        self.look_further = "run `jethook standalone examples/quickstart`, then `jethook describe endpoint broken`"

    def objects(self, noun: str) -> list[dict[str, Any]]:
        """Ask `jethook get`."""
        done = jethook("get", noun, "-o", "json", nats_url=self.nats_url, check=False)
        return json.loads(done.stdout)["items"] if done.returncode == 0 else []

    def publish(self, event_type: str, count: int) -> list[str]:
        """Ask `jethook publish`."""
        return publish(event_type, count, nats_url=self.nats_url)

    def ended(self) -> str:
        """Look at the supervisor, which ends when a child does."""
        return "" if self._process.poll() is None else self._log.read_text()[-4000:]

    def show(self, moment: str) -> None:
        """Print the endpoints after the events."""
        if moment == "after":
            print_endpoints(self.objects("endpoints"))


class KubernetesInstallation:
    """Operator and two dispatchers as processes against a real API server."""

    title = "operator and 2 dispatchers on Kubernetes"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.nats_url = cluster.nats_url
        self.where = f"API server {cluster.version}, NATS on {cluster.nats_url.rpartition('@')[2]}"
        self.look_further = "`kubectl describe whe broken`, `kubectl get whsub -o wide`"

    def objects(self, noun: str) -> list[dict[str, Any]]:
        """Ask kubectl."""
        kind = {"endpoints": "whe", "subscriptions": "whsub"}[noun]
        items: list[dict[str, Any]] = json.loads(self._cluster.kubectl("get", kind, "-o", "json"))["items"]
        return items

    def publish(self, event_type: str, count: int) -> list[str]:
        """Ask `jethook publish`."""
        return publish(event_type, count, nats_url=self.nats_url)

    def ended(self) -> str:
        """Look at each process."""
        return self._cluster.ended()

    def show(self, moment: str) -> None:
        """Print what kubectl shows, and after the events the table of the standalone demo too."""
        print(f"$ kubectl get whe,whsub    # {moment} the events")
        print(self._cluster.kubectl("get", "whe,whsub").rstrip(), flush=True)
        if moment == "after":
            print_endpoints(self.objects("endpoints"))


@contextlib.contextmanager
def standalone(folder: Path) -> Iterator[StandaloneInstallation]:
    """Run the quickstart with its state in `folder`."""
    state = folder / "state"
    log = (folder / "standalone.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "jethook_cli", "standalone", str(QUICKSTART), "--state", str(state)],
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("JETHOOK_")},
    )
    try:
        nats_url = _nats_url(process, state / "standalone.json", log.name)
        yield StandaloneInstallation(nats_url, process, Path(log.name))
    finally:
        process.terminate()
        process.wait(timeout=60)
        log.close()


@contextlib.contextmanager
def kubernetes(folder: Path) -> Iterator[KubernetesInstallation]:
    """Run the quickstart on a real API server; every process with the rights of its own ServiceAccount."""
    with quickstarted(folder) as started:
        yield KubernetesInstallation(started)


def publish(event_type: str, count: int, *, nats_url: str) -> list[str]:
    """Publish and give the ids that were acknowledged."""
    data = '{"order": 42, "amount": 99}'
    done = jethook("publish", event_type, "--count", str(count), "--data", data, nats_url=nats_url, check=True)
    return done.stdout.split()


def jethook(*arguments: str, nats_url: str, check: bool) -> subprocess.CompletedProcess[str]:
    """Run the `jethook` command against a NATS."""
    return subprocess.run(
        [sys.executable, "-m", "jethook_cli", *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "JETHOOK_NATS_URL": nats_url},
    )


def print_endpoints(objects: list[dict[str, Any]]) -> None:
    """Print how each endpoint fares."""
    table = [_COLUMNS, *(_row(obj["metadata"]["name"], obj.get("status", {}).get("delivery", {})) for obj in objects)]
    widths = [max(len(row[i]) for row in table) for i in range(len(_COLUMNS))]
    for row in table:
        print(" " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _row(name: str, delivery: dict[str, Any]) -> tuple[str, ...]:
    counts = (str(delivery.get(key, 0)) for key in ("delivered", "retried", "deadLettered"))
    times = (f"{delivery[key]} ms" if key in delivery else "-" for key in ("p50Milliseconds", "p99Milliseconds"))
    return (name, delivery.get("state", "-"), *counts, *times)


def _nats_url(process: subprocess.Popen[bytes], state_file: Path, log: str) -> str:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if state_file.exists():
            try:
                return str(json.loads(state_file.read_text())["nats_url"])
            except ValueError:
                pass  # half-written
        time.sleep(0.05)
    raise SystemExit(f"demo: standalone did not start:\n{Path(log).read_text()[-4000:]}")
