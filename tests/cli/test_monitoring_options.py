"""`--metrics`: where it cannot be, the process says so and does not start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jethook_contract.sealing import KeyRing


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    """Give the two processes' command lines, against a NATS that is not there."""
    (tmp_path / "default").write_text(KeyRing.generate().get_secret_value())
    nats = ["--nats", "nats://127.0.0.1:1"]
    return {
        "dispatcher": ["dispatcher", "--plan-key", str(tmp_path / "default"), *nats],
        "operator": [
            "operator", "--provider", "files", "--files", str(tmp_path), "--plan-keys", str(tmp_path),
            "--install-id", "test", *nats,
        ],
    }  # fmt: skip


def _jethook(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("JETHOOK_", "KUBE"))}
    return subprocess.run(
        [sys.executable, "-m", "jethook_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**clean, "NO_COLOR": "1", "COLUMNS": "200", **environment},
    )


@pytest.mark.parametrize("process", ["dispatcher", "operator"])
def test_a_port_in_use_ends_the_process_with_the_cure(commands: dict[str, list[str]], process: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _jethook([*commands[process], "--metrics", where])
    assert done.returncode == 1
    assert f"--metrics {where}: another process listens there; choose another port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("process", ["dispatcher", "operator"])
def test_what_is_no_address_is_refused_from_the_environment_too(commands: dict[str, list[str]], process: str) -> None:
    done = _jethook(commands[process], JETHOOK_METRICS="9464")
    assert done.returncode == 1
    assert "'9464' is no HOST:PORT" in done.stderr


def test_the_number_of_endpoints_with_series_is_bounded(commands: dict[str, list[str]]) -> None:
    done = _jethook([*commands["dispatcher"], "--metrics-endpoints", "-1"])
    assert done.returncode == 2
    assert "--metrics-endpoints" in done.stderr
