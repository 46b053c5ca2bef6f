"""NATS is killed under a whole installation in the middle of a burst: accepted is what the publisher was told."""

import asyncio
import json
from collections.abc import Callable

from tests.fixtures.behaviours import slow
from tests.fixtures.installation import Standalone, endpoint, pool, secret, subscription
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.fixtures.raw_nats import raw_nats
from tests.fixtures.receivers import Receiver

Factory = Callable[[], Standalone]

BURST = 20_000  # never reached: the outage ends it
ENDPOINTS = 2
WIDTH = 20
AWAY_SECONDS = 5.0


async def test_every_event_that_a_publisher_was_told_of_arrives_though_nats_is_killed_meanwhile(
    nats_server: NatsServer, standalone: Factory, receiver: Receiver
) -> None:
    receiver.behaviour = slow(0.01)
    jethook = standalone()
    names = [f"part-{number}" for number in range(ENDPOINTS)]
    endpoints = [endpoint(name, receiver.url, limits={"maxInFlight": WIDTH}) for name in names]
    jethook.write("base.yaml", pool(), secret(), *endpoints, *(subscription(name, name) for name in names))
    await jethook.start("--nats", nats_server.url, "--dispatchers", "2")
    await jethook.all_ready("subscriptions", count=ENDPOINTS)

    accepted = set(await jethook.publish("com.example.made"))
    await receiver.wait_for_requests(ENDPOINTS, seconds=30)
    publishing = asyncio.create_task(jethook.jethook("publish", "com.example.made", "--count", str(BURST)))
    await receiver.wait_for_requests(100, seconds=30)
    receiver.behaviour = slow(1.0)  # so that a request is open for certain when the server dies
    await receiver.wait_for_open_requests(1)
    nats_server.kill()
    assert receiver.open_requests >= 1
    receiver.behaviour = slow(0.01)
    told, shown = await asyncio.gather(
        jethook.jethook("publish", "com.example.made"), jethook.jethook("get", "endpoints")
    )
    for done in (told, shown):
        assert (done.returncode, done.stdout) == (1, "")
        assert "(NATSUnreachable)" in done.stderr
        assert done.stderr.count("\n") == 1
    await asyncio.sleep(AWAY_SECONDS)  # the outage itself, not a wait for something
    await asyncio.to_thread(nats_server.start)

    burst = await publishing
    assert burst.returncode == 1, "the outage came in the middle of the burst"
    assert "(NATSUnreachable)" in burst.stderr
    assert burst.stderr.count("\n") == 1
    accepted |= set(burst.stdout.split())
    async with raw_nats(nats_server.url) as raw:
        for name in names:
            await eventually(lambda name=name: raw.done(name), seconds=90, every_seconds=0.5)
            assert await raw.dead_letters(name) == []
    for name in names:
        came = [r for r in receiver.requests if r.headers["jethook-subscription"] == f"default/{name}"]
        assert {json.loads(request.body)["id"] for request in came} >= accepted
    assert receiver.most_open_requests <= WIDTH * ENDPOINTS, "no endpoint had two workers"
    assert jethook.running
    assert "nats_disconnected" in jethook.log, "the outage is in the log"
    assert "nats_reconnected" in jethook.log, "and its end"


async def test_an_installation_ends_in_order_while_nats_is_away(
    nats_server: NatsServer, standalone: Factory, receiver: Receiver
) -> None:
    receiver.behaviour = slow(1.0)
    jethook = standalone()
    jethook.write("base.yaml", pool(), secret(), endpoint("crm", receiver.url), subscription("orders", "crm"))
    await jethook.start("--nats", nats_server.url)
    await jethook.ready("subscription", "orders")
    published = await jethook.publish("com.example.made", 300)
    await receiver.wait_for_open_requests(1, seconds=20)
    nats_server.kill()
    assert receiver.open_requests >= 1
    await eventually(lambda: receiver.open_requests == 0)
    assert await jethook.stop() == 0
    assert "Traceback" not in jethook.log

    await asyncio.to_thread(nats_server.start)
    arrived = {json.loads(request.body)["id"] for request in receiver.requests}
    async with raw_nats(nats_server.url) as raw:
        assert await raw.waiting("orders") + len(arrived) >= len(published)
        assert await raw.dead_letters("orders") == []
