"""A process that does not lead changes nothing, tells nothing, and knows when it is of no use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kubernetes.aio import client

from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.errors import Unavailable
from jethook_operator.core.resources import Key
from jethook_operator.shell.delivery_watch import DeliveryWatch
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.kube import KubeApi
from jethook_operator.shell.leadership import Alone
from jethook_operator.shell.operation import STALLED_SECONDS, Operation
from jethook_operator.shell.settings import OperatorSettings
from tests.fakes.surroundings import RecordingEvents
from tests.fixtures.nats import NatsServer

KEY = Key("WebhookEndpoint", "ns", "orders")


def closed() -> None:
    raise Unavailable("NotLeading", "another one may be at work")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_no_change_goes_to_the_api_server_behind_a_closed_fence(method: str) -> None:
    api = KubeApi(client.Configuration(host="http://127.0.0.1:1"), fence=closed)
    with pytest.raises(Unavailable, match="NotLeading"):
        await api.request(method, "/api/v1/namespaces/ns/events", body={})
    assert not api.requests
    with pytest.raises(Unavailable, match="APIServerUnreachable"):
        await api.get("/api/v1/namespaces/ns")  # to look is no change
    await api.close()


@pytest.mark.component
async def test_nothing_is_asked_of_jetstream_behind_a_closed_fence(nats_server: NatsServer) -> None:
    connection = await connect(ConnectionSettings(servers=(nats_server.url,)), hooks=ConnectionHooks())
    open_api, closed_api = JetStreamApi(connection), JetStreamApi(connection, fence=closed)
    with pytest.raises(Unavailable, match="NotLeading"):
        await closed_api.request("STREAM.CREATE.x", {"name": "x", "subjects": ["x"]})
    assert await open_api.find("STREAM.INFO.x") is None
    await connection.close()


def test_a_turn_that_is_seen_while_standing_by_is_remembered_and_not_told() -> None:
    leads = False
    events = RecordingEvents()
    deliveries = DeliveryWatch(events, tells=lambda: leads)
    for state in ("Healthy", "CircuitOpen"):
        deliveries.seen(KEY, uid="u", status={"delivery": {"state": state}})
    leads = True
    deliveries.seen(KEY, uid="u", status={"delivery": {"state": "CircuitOpen"}})
    assert events.recorded == []
    deliveries.seen(KEY, uid="u", status={"delivery": {"state": "Healthy"}})
    assert events.reasons(KEY) == ["CircuitClosed"]


@pytest.mark.looptime
async def test_a_work_queue_in_which_nothing_moves_is_a_reason_to_start_anew() -> None:
    settings = OperatorSettings(install_id="test", plan_keys_dir=Path())
    operation = Operation(settings, leadership=Alone())
    operation.queue.add(KEY)
    await asyncio.sleep(STALLED_SECONDS + 1)
    assert operation.ailment == "objects wait, and no reconcile has ended for 901 s"
