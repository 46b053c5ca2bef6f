"""The receivers of the quickstart: one `jethook receiver` process for each endpoint, on the port that its URL names."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart"
_BEHAVIOUR = {"healthy": (), "flaky": ("--fail-first", "2"), "broken": ("--status", "500")}


@dataclass(frozen=True, slots=True)
class Quickstart:
    """What the example folder declares: endpoint name -> URL, Subscriptions as namespace/name, the signing key."""

    endpoints: dict[str, str]
    subscriptions: tuple[str, ...]
    signing_key: str


def read_quickstart() -> Quickstart:
    """Read the example as a person would write it."""
    documents = [d for file in sorted(QUICKSTART.glob("*.yaml")) for d in yaml.safe_load_all(file.read_text())]
    named = [(d["kind"], d["metadata"]["name"], d) for d in documents]
    return Quickstart(
        endpoints={name: d["spec"]["url"] for kind, name, d in named if kind == "WebhookEndpoint"},
        subscriptions=tuple(f"default/{name}" for kind, name, _ in named if kind == "Subscription"),
        signing_key=next(d["stringData"]["current"] for kind, _, d in named if kind == "Secret"),
    )


@contextlib.contextmanager
def receivers(quickstart: Quickstart, folder: Path) -> Iterator[list[Path]]:
    """Run the receivers; give the files in which they record."""
    processes, files = [], []
    try:
        for name, url in quickstart.endpoints.items():
            file = folder / f"{name}.jsonl"
            file.touch()
            files.append(file)
            processes.append(_start(name, url, file, quickstart.signing_key))
        for process in processes:
            _wait_until_listening(process)
        yield files
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate(timeout=10)


def _start(name: str, url: str, file: Path, key: str) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "jethook_cli", "receiver", "--port", str(urlsplit(url).port),
        "--record", str(file), "--secret", key, "--quiet", *_BEHAVIOUR[name],
    ]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _wait_until_listening(process: subprocess.Popen[str]) -> None:
    line = process.stderr.readline() if process.stderr else ""
    if not line.startswith("listening"):
        raise SystemExit(f"demo: a receiver did not start: {line.strip()}")
