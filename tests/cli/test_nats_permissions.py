"""`jethook nats-permissions`: what it prints, the server and the shell take as it is."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jethook_contract.nats_permissions import dispatcher_permissions, producer_permissions
from tests.fixtures.nats import binary

USERS = [
    ("operator",),
    ("pool", "default"),
    ("pool", "eu", "--allowed-namespace=shop", "--allowed-namespace=books"),
    ("producer", "shop"),
    ("admin",),
]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jethook_cli", "nats-permissions", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_nats_server_takes_the_printed_users_as_its_configuration(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    users = "\n".join(_run(*user).stdout for user in USERS)
    config.write_text(f"authorization {{ users: [\n{users}\n] }}\n")
    done = subprocess.run([binary(), "-t", "-c", str(config)], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_json_names_the_user_its_inbox_and_its_permissions() -> None:
    printed = json.loads(_run("producer", "shop", "--user=checkout", "-o", "json").stdout)
    wanted = producer_permissions("shop")
    assert printed["user"] == "checkout"
    assert printed["inboxPrefix"] == wanted.inbox_prefix
    assert printed["permissions"]["publish"]["allow"] == list(wanted.publish)


def test_the_command_for_nsc_survives_the_shell() -> None:
    words = shlex.split(_run("pool", "default", "-o", "nsc").stdout, comments=True)
    assert words[:5] == ["nsc", "add", "user", "--name", "jethook-pool-default"]
    assert words[words.index("--allow-pub") + 1].split(",") == list(dispatcher_permissions("default").publish)
    assert "--allow-pub-response=1" in words


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pool",), "give POOL"),
        (("producer",), "give NAMESPACE"),
        (("producer", "a.b"), "no DNS label"),
        (("pool", ">"), "DNS label"),
        (("operator", "x"), "operator has no name"),
        (("producer", "shop", "--allowed-namespace=shop"), "only a pool has it"),
        (("pool", "default", "--allowed-namespace=*.x"), "no DNS label"),
    ],
)
def test_wrong_use_is_told_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
