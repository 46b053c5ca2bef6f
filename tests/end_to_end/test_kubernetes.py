"""The whole product on a real API server: processes with the rights of their own ServiceAccounts, no admin."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.demo_cluster import Cluster, installed
from hack.demo_installation import publish
from tests.fixtures.behaviours import slow
from tests.fixtures.installation import endpoint, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.api

BURST = 1_500
AWAY_SECONDS = 30.0
WIDTH = 4
ANSWER_SECONDS = 0.1


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with installed(tmp_path) as started:
        yield started


def _status(cluster: Cluster, kind: str, name: str) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(cluster.kubectl("get", kind, name, "-o", "json")).get("status", {})
    return status


def _conditions(status: dict[str, Any]) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in status.get("conditions", [])}


async def test_deliveries_go_on_while_the_api_server_is_away(cluster: Cluster, receiver: Receiver) -> None:
    receiver.behaviour = slow(ANSWER_SECONDS)
    objects = [secret(), endpoint("crm", receiver.url, limits={"maxInFlight": WIDTH}), subscription("orders", "crm")]
    await asyncio.to_thread(cluster.kubectl, "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    await eventually(lambda: _conditions(_status(cluster, "whsub", "orders")).get("Ready") == "True", seconds=30)
    published = await asyncio.to_thread(publish, "com.example.order.created", BURST, nats_url=cluster.nats_url)
    await receiver.wait_for_open_requests(1, seconds=20)

    await asyncio.to_thread(cluster.api.kill)
    assert receiver.open_requests >= 1
    before = len(receiver.requests)
    await asyncio.sleep(AWAY_SECONDS)  # the outage itself, not a wait for something
    during = len(receiver.requests) - before
    assert during > AWAY_SECONDS * WIDTH / ANSWER_SECONDS / 3
    await asyncio.to_thread(cluster.api.start)

    await eventually(lambda: {json.loads(r.body)["id"] for r in receiver.requests} == set(published), seconds=60)
    await eventually(
        lambda: _status(cluster, "whe", "crm").get("delivery", {}).get("delivered") == BURST,
        seconds=60,
        every_seconds=1,
    )
    conditions = _conditions(_status(cluster, "whe", "crm"))
    assert (conditions["Ready"], conditions["Delivering"]) == ("True", "True")
    assert "Reconciling" not in conditions
