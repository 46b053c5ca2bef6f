"""The command line says what is wrong, where, and what to do; exit codes are 0, 1 and 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def _jethook(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("JETHOOK_", "KUBE"))}
    return subprocess.run(
        [sys.executable, "-m", "jethook_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**clean, "NO_COLOR": "1", "COLUMNS": "200", **environment},
    )


@pytest.mark.parametrize(
    "command", ["", "operator", "dispatcher", "standalone", "publish", "get", "describe", "receiver"]
)
def test_every_command_explains_itself(command: str) -> None:
    done = _jethook(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["get", "gadgets"], 2, "try endpoints, subscriptions or pools", id="an unknown noun"),
        pytest.param(["publish", "a.b"], 1, "give --nats URL, or --standalone FOLDER", id="no NATS named"),
        pytest.param(
            ["publish", "a.b", "--nats", "nats://secret@127.0.0.1:1"], 1, "127.0.0.1:1", id="a NATS that is not there"
        ),
        pytest.param(["standalone", "nowhere"], 1, "nowhere is no folder", id="no folder"),
        pytest.param(
            ["get", "endpoints", "--standalone", "nowhere"], 1, "jethook standalone nowhere", id="not running"
        ),
        pytest.param(["get", "endpoints", "--kubeconfig", "nowhere"], 1, "--kubeconfig", id="no cluster"),
        pytest.param(["receiver", "--status", "99"], 2, "--status", id="a status out of range"),
    ],
)
def test_wrong_use_is_answered_with_the_cure(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = _jethook(*arguments, HOME=str(tmp_path))
    assert said in done.stderr
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
