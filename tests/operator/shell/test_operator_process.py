"""`jethook operator` as a process: its flags count, and it ends when it can no longer hear of its work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from jethook_contract.connection import ConnectionSettings
from jethook_operator.shell.operation import stream_settings
from jethook_operator.shell.settings import OperatorSettings
from jethook_operator.shell.streams import StreamSettings
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import ENDPOINT, SECRET, SUBSCRIPTION
from tests.operator.shell.running_operator import operator_process, plan_keys

pytestmark = pytest.mark.component
MEBIBYTE = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "objects"
    path.mkdir()
    (path / "all.yaml").write_text(f"{ENDPOINT}---\n{SUBSCRIPTION}---\n{SECRET}")
    return path


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[NatsServer]:
    """Run a nats-server that asks for a token."""
    server = NatsServer(tmp_path / "nats", extra_config='authorization: {token: "first"}')
    try:
        server.start()
        yield server
    finally:
        server.close()


def common(tmp_path: Path, folder: Path, nats_url: str) -> list[str]:
    return [
        *("--provider", "files", "--files", str(folder), "--install-id", "test"),
        *("--plan-keys", str(plan_keys(tmp_path)), "--nats", nats_url),
    ]


async def test_a_connection_that_nats_closed_for_good_ends_the_process_with_1(
    tmp_path: Path, folder: Path, guarded: NatsServer
) -> None:
    url = guarded.url.replace("//", "//first@")
    with operator_process(tmp_path, *common(tmp_path, folder, url)) as process:
        await eventually(lambda: "operator_started" in process.log, seconds=20)
        config = tmp_path / "nats" / "nats.conf"
        config.write_text(config.read_text().replace("first", "second"))
        os.kill(guarded.pid, signal.SIGHUP)  # the server reads its configuration anew and turns this client away
        await eventually(lambda: process.exit_code is not None, seconds=20)
        assert process.exit_code == 1
        assert "the connection to NATS is closed for good" in process.log
        assert "Traceback" not in process.log
        assert "first" not in process.log


async def test_flags_reach_the_streams(tmp_path: Path, folder: Path, nats_server: NatsServer) -> None:
    flags = ["--events-max-bytes", str(3 * MEBIBYTE), "--resync-seconds", "10", "--workers", "1"]
    client = await nats.connect(nats_server.url)
    js = client.jetstream()

    async def made() -> bool:
        return "JETHOOK_EVENTS_default" in {info.config.name for info in await js.streams_info()}

    with operator_process(tmp_path, *common(tmp_path, folder, nats_server.url), *flags) as process:
        await eventually(made, seconds=20)
        assert (await js.stream_info("JETHOOK_EVENTS_default")).config.max_bytes == 3 * MEBIBYTE
        assert process.stop() == 0
    await client.close()


async def test_replicas_that_the_server_cannot_give_are_told_of(
    tmp_path: Path, folder: Path, nats_server: NatsServer
) -> None:
    flags = ["--stream-replicas", "3"]
    with operator_process(tmp_path, *common(tmp_path, folder, nats_server.url), *flags) as process:
        await eventually(lambda: "replicas > 1 not supported" in process.log, seconds=20)


@pytest.mark.parametrize(
    ("flag", "value", "code", "said"),
    [
        ("--stream-replicas", "2", 1, "give 1, 3 or 5"),
        ("--stream-replicas", "7", 2, "or equal to 5"),
        ("--orphan-hold-percent", "101", 2, "or equal to 100"),
        ("--events-max-bytes", "1", 2, "or equal to 1048576"),
        ("--resync-seconds", "0", 2, "or equal to 10"),
        ("--workers", "0", 2, "or equal to 1"),
    ],
)
async def test_a_flag_out_of_range_is_refused_by_name_with_the_range(
    tmp_path: Path, folder: Path, *, flag: str, value: str, code: int, said: str
) -> None:
    with operator_process(tmp_path, *common(tmp_path, folder, "nats://127.0.0.1:1"), flag, value) as process:
        await eventually(lambda: process.exit_code is not None, seconds=20)
        assert process.exit_code == code
        words = " ".join(process.log.replace("│", " ").split())
        assert flag in words
        assert said in words


def test_settings_of_the_process_are_those_of_its_streams() -> None:
    settings = OperatorSettings(
        install_id="a",
        plan_keys_dir=Path(),
        nats=ConnectionSettings(),
        stream_replicas=3,
        orphan_hold_percent=50,
        orphan_grace_seconds=7.0,
        events_max_bytes=5,
    )
    assert stream_settings(settings) == StreamSettings(
        install_id="a", replicas=3, orphan_hold_percent=50, orphan_grace_seconds=7.0, events_max_bytes=5
    )
