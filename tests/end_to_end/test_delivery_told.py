"""What a tenant reads with kubectl when deliveries do not go well: columns, conditions, the report, Events."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from hack.demo_cluster import Cluster, installed
from hack.demo_installation import publish
from tests.fixtures.behaviours import answers, failing
from tests.fixtures.installation import endpoint, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.api

EVENTS = 40
SECONDS = 60.0
ONE_TIME = r"\d\d:\d\d:\d\dZ"
NEVER_OPENS = {"minRequests": 10_000}
BEHAVIOURS = {
    "billing": answers(200),
    "crm": answers(503),
    "gone": answers(410),
    "flaky": failing([200, 422] * 20),
}
BREAKERS = {"flaky": NEVER_OPENS}


class World:
    """An installation with one endpoint for each behaviour, to which events were published."""

    def __init__(self, cluster: Cluster, receivers: dict[str, Receiver]) -> None:
        self.cluster = cluster
        self.receivers = receivers

    async def kubectl(self, *arguments: str) -> str:
        return await asyncio.to_thread(self.cluster.kubectl, *arguments)

    async def describe(self, name: str, *pieces: str) -> str:
        """Wait until `kubectl describe whe` has these pieces, spaces put together; give what it shows."""

        async def probe() -> str | None:
            seen.append(re.sub(r" +", " ", await self.kubectl("describe", "whe", name)))
            return seen[-1] if all(re.search(piece, seen[-1]) for piece in pieces) else None

        seen: list[str] = []
        try:
            return await eventually(probe, seconds=SECONDS, every_seconds=0.5)
        except AssertionError:
            raise AssertionError(f"{pieces} not in what is shown:\n{seen[-1]}") from None

    async def row(self, name: str, state: str) -> dict[str, str]:
        """Wait until the wide table shows an endpoint in a state; give its cells by their headings."""

        async def probe() -> dict[str, str] | None:
            heading, *rows = (await self.kubectl("get", "whe", "-o", "wide")).splitlines()
            starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", heading)]
            bounds = list(zip(starts, [*starts[1:], None], strict=True))
            for row in rows:
                cells = {heading[a:b].strip(): row[a:b].strip() for a, b in bounds}
                if cells["NAME"] == name and cells["STATE"] == state:
                    return cells
            return None

        return await eventually(probe, seconds=SECONDS, every_seconds=0.5)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    receivers = {name: Receiver(behaviour) for name, behaviour in BEHAVIOURS.items()}
    for receiver in receivers.values():
        receiver.start()
    objects = [secret()]
    for name, receiver in receivers.items():
        breaker = {"circuitBreaker": BREAKERS[name]} if name in BREAKERS else {}
        objects += [endpoint(name, receiver.url, **breaker), subscription(f"{name}-all", name)]
    manager = installed(tmp_path)
    cluster = await asyncio.to_thread(manager.__enter__)
    try:
        made = World(cluster, receivers)
        await asyncio.to_thread(cluster.kubectl, "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
        await made.kubectl("wait", "--for=condition=Ready", "whe,whsub", "--all", "--timeout=60s")
        await asyncio.to_thread(publish, "com.example.order.made", EVENTS, nats_url=cluster.nats_url)
        yield made
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)
        for receiver in receivers.values():
            receiver.stop()


async def test_kubectl_tells_what_is_wrong_how_much_and_what_helps(world: World) -> None:
    gone = await world.describe("gone", r"Warning Disabled ", "State: Disabled", f"Backlog: {EVENTS}")
    assert "Message: the receiver answered 410: it takes no more events; to resume, change" in gone
    assert "kubectl -n default annotate whe gone --overwrite jethook.io/resume=again" in gone
    assert "Limited By: Disabled" in gone

    said = (
        rf"Message: 503 from 127\.0\.0\.1 \(\d+ failures within a minute\); next probe {ONE_TIME}, pauses grow to 15m"
    )
    oldest = r"Oldest Undelivered Time: 2\d\d\d-"  # told with the counters, 15 s later at most
    crm = await world.describe("crm", said, r"Warning CircuitOpened ", "State: CircuitOpen", oldest)
    assert re.search(r"Status: False\n *Type: Delivering", crm)
    assert re.search(r"Status: True\n *Type: Ready", crm), "a stranger's server turns no Git sync red"
    assert re.search(r"Last Error:\n *Message: Service Unavailable\n *Reason: HTTPStatus\n *Status Code: 503", crm)
    assert "503 Service Unavailable; too many attempts failed" in crm.partition("Events:")[2]

    flaky = await world.describe(
        "flaky", r"Message: \d\d % of \d+ attempts in 5 minutes succeeded; 422 from", "Degraded"
    )
    assert re.search(r"Status: True\n *Type: Delivering", flaky)
    billing = await world.describe("billing", r"Message: delivering to 127\.0\.0\.1", "State: Healthy")
    assert "Events: <none>" in billing

    cells = await world.row("crm", "CircuitOpen")
    assert (cells["READY"], cells["DELIVERING"], cells["SUCCESS %"]) == ("True", "False", "0")
    assert (cells["LIMITED BY"], cells["LAST ERROR"], cells["POOL"]) == ("CircuitBreaker", "HTTPStatus", "default")
    assert re.fullmatch(rf"2\d\d\d-\d\d-\d\dT{ONE_TIME}", cells["NEXT ATTEMPT"])
    assert (await world.row("billing", "Healthy"))["LIMITED BY"] == ""

    world.receivers["gone"].behaviour = answers(200)
    await world.kubectl("annotate", "whe", "gone", "jethook.io/resume=again")
    resumed = await world.describe("gone", r"Normal Resumed ", f"Delivered: {EVENTS}")
    assert re.search(r"Status: True\n *Type: Delivering", resumed)
