"""A reconciler of its own on a real nats-server, for each test."""

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_operator.shell.reconciler import Reconciler
from tests.fakes.surroundings import World
from tests.fixtures.nats import NatsServer
from tests.operator.nats.reconciling import SETTINGS


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    connected = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    yield connected
    await connected.close()


@pytest.fixture
def world() -> World:
    made = World()
    made.sync()
    return made


@pytest.fixture
def reconciler(client: Client, world: World) -> Reconciler:
    return Reconciler(client, settings=SETTINGS, surroundings=world.surroundings())
