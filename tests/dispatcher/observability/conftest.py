"""A dispatcher that shows its metrics, over the world of the lanes' tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hack.ports import free_port
from jethook_contract.connection import ConnectionSettings
from jethook_dispatcher.shell.settings import DispatcherSettings
from tests.dispatcher.lanes.conftest import QUICK, local, world
from tests.dispatcher.lanes.world import World
from tests.fixtures.nats import NatsServer

__all__ = ["local", "world"]


@pytest.fixture
def port() -> int:
    """Give the port of `/metrics`."""
    return free_port()


@pytest.fixture
def settings(world: World, nats_server: NatsServer, port: int) -> DispatcherSettings:
    """Give the settings of the dispatcher `local`."""
    plain = DispatcherSettings(
        nats=ConnectionSettings(servers=(nats_server.url,)),
        plan_keys_file=world.keys_file,
        member="local",
        timings=QUICK,
        backlog_poll_seconds=0.2,
    )
    return replace(plain, metrics=("127.0.0.1", port))
