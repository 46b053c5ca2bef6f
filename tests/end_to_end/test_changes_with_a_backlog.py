"""Objects change while events wait or are in back-off: what was accepted for a Subscription is delivered to it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fixtures.behaviours import Received, failing, slow
from tests.fixtures.installation import Standalone, condition_of, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.raw_nats import RawNats, raw_nats
from tests.fixtures.receivers import Receiver

Factory = Callable[[], Standalone]
Receivers = Callable[..., Receiver]

# Each event fails first though the receiver is well, and must not open the circuit.
PATIENT = {"minRequests": 1000}
SOON = {"maxAttempts": 8, "initialDelaySeconds": 4, "factor": 1, "maxDelaySeconds": 4, "jitterPercent": 0}


def _by_delivery(received: Received) -> str:
    return received.headers["webhook-id"]


def _ids(receiver: Receiver, name: str, *, attempt: str | None = None) -> set[str]:
    """Give the ids of the events that came for one Subscription."""
    return {
        json.loads(request.body)["id"]
        for request in list(receiver.requests)
        if request.headers["jethook-subscription"] == f"default/{name}"
        and attempt in (None, request.headers["jethook-attempt"])
    }


async def _observed(jethook: Standalone, name: str, types: str) -> None:
    """Wait until the operator has carried out the Subscription's new types."""

    async def seen() -> bool:
        status: dict[str, Any] = await jethook.status("subscription", name)
        ready = condition_of(status, "Ready")
        return status.get("types") == types and ready is not None and ready["status"] == "True"

    await eventually(seen, seconds=20, every_seconds=0.2)


async def test_narrowed_types_and_a_repaired_typo_lose_nothing_that_waits_or_is_in_back_off(
    standalone: Factory, receivers: Receivers
) -> None:
    receiver = receivers(failing([500], per=_by_delivery))
    jethook = standalone()
    jethook.write("base.yaml", pool(), secret(), endpoint("crm", receiver.url, retry=SOON, circuitBreaker=PATIENT))
    both, narrow, typo = ("com.made.**", "com.paid.**"), ("com.made.**",), ("com.mode.**",)
    jethook.write("narrowed.yaml", subscription("narrowed", "crm", *both))
    jethook.write("mistyped.yaml", subscription("mistyped", "crm", *narrow))
    await jethook.start()
    await jethook.all_ready("subscriptions", count=2)
    async with raw_nats(jethook.nats_url) as raw:
        made, paid = await jethook.publish("com.made.a", 10), await jethook.publish("com.paid.a", 10)
        await receiver.wait_for_requests(30)
        assert (await raw.waiting("narrowed"), await raw.waiting("mistyped")) == (20, 10), "all are in back-off"

        jethook.write("narrowed.yaml", subscription("narrowed", "crm", *narrow))
        jethook.write("mistyped.yaml", subscription("mistyped", "crm", *typo))
        await _observed(jethook, "narrowed", narrow[0])
        await _observed(jethook, "mistyped", typo[0])
        late_paid = await jethook.publish("com.paid.b", 3)
        jethook.write("mistyped.yaml", subscription("mistyped", "crm", *narrow))
        await _observed(jethook, "mistyped", narrow[0])
        late_made = await jethook.publish("com.made.b", 3)

        await eventually(lambda: _nothing_waits(raw, "narrowed", "mistyped"), seconds=30)
        assert await raw.dead_letters("narrowed") == await raw.dead_letters("mistyped") == []
        assert await raw.stored() == 0, "the room has come back"
    assert _ids(receiver, "narrowed", attempt="2") == {*made, *paid, *late_made}
    assert _ids(receiver, "mistyped", attempt="2") == {*made, *late_made}
    assert not _ids(receiver, "narrowed") & set(late_paid)


async def test_two_subscriptions_on_one_endpoint_each_get_their_own_with_all_retries(
    standalone: Factory, receivers: Receivers
) -> None:
    receiver = receivers(failing([500, 500], per=_by_delivery))
    jethook = standalone()
    jethook.write("base.yaml", pool(), secret(), endpoint("crm", receiver.url, circuitBreaker=PATIENT))
    jethook.write("both.yaml", subscription("every", "crm"), subscription("some", "crm", "com.example.*.made"))
    await jethook.start()
    await jethook.all_ready("subscriptions", count=2)
    made, paid = await jethook.publish("com.example.order.made", 10), await jethook.publish("com.example.order.paid", 5)
    async with raw_nats(jethook.nats_url) as raw:
        await eventually(lambda: _nothing_waits(raw, "every", "some"), seconds=30)
        assert await raw.dead_letters("every") == await raw.dead_letters("some") == []
    assert _ids(receiver, "every", attempt="3") == {*made, *paid}
    assert _ids(receiver, "some", attempt="3") == set(made)
    assert set(Counter(map(_by_delivery, receiver.requests)).values()) == {3}
    await jethook.counted("endpoint", "crm", delivered=25, retried=50, failedAttempts=50, deadLettered=0, backlog=0)
    await jethook.counted("subscription", "every", delivered=15, retried=30, deadLettered=0)
    await jethook.counted("subscription", "some", delivered=10, retried=20, deadLettered=0)


async def test_an_endpoint_deleted_in_the_middle_of_its_backlog_gets_the_rest_when_it_is_back(
    standalone: Factory, receivers: Receivers
) -> None:
    receiver = receivers(slow(0.3))
    jethook = standalone()
    jethook.write("base.yaml", pool(), secret(), subscription("orders", "crm"))
    document = endpoint("crm", receiver.url, limits={"maxInFlight": 4})
    path = jethook.write("endpoint.yaml", document)
    await jethook.start()
    await jethook.ready("subscription", "orders")
    published = await jethook.publish("com.example.order.made", 80)
    await receiver.wait_for_open_requests(1)
    path.unlink()
    assert receiver.open_requests >= 1

    missing = await jethook.ready("subscription", "orders", status="False")
    assert missing["reason"] == "EndpointNotFound"
    await eventually(lambda: receiver.open_requests == 0)
    async with raw_nats(jethook.nats_url) as raw:
        left = await raw.waiting("orders")
        assert 0 < left < len(published)
        came = len(receiver.requests)
        assert came + left >= len(published)
        jethook.write("endpoint.yaml", document)
        await eventually(lambda: raw.done("orders"), seconds=30)
        assert await raw.dead_letters("orders") == []
    assert _ids(receiver, "orders") == set(published)
    assert came < len(receiver.requests) <= len(published) + 8


async def test_a_full_stream_refuses_publishers_and_delivers_all_that_it_took(
    standalone: Factory, receiver: Receiver, tmp_path: Path
) -> None:
    jethook = standalone()
    # By its default half of the room is a Subscription's at most, and the excess would make room again.
    filling = subscription("orders", "crm", backlog={"maxSharePercent": 100})
    jethook.write("base.yaml", pool(), secret(), filling)
    jethook.write("endpoint.yaml", endpoint("crm", receiver.url, suspend=True))
    await jethook.start("--events-max-bytes", str(1024 * 1024))
    await jethook.ready("subscription", "orders")
    data = tmp_path / "data.json"
    data.write_text(json.dumps("x" * 10_000))
    publish = ("publish", "com.example.made", "--data-file", str(data), "--count")

    refused = await jethook.jethook(*publish, "200")
    accepted = set(refused.stdout.split())
    assert refused.returncode == 1
    assert "the events stream of namespace default is full, nothing was stored or evicted" in refused.stderr
    assert "(StreamFull)" in refused.stderr
    again = await jethook.jethook(*publish, "1")
    assert (again.returncode, again.stdout) == (1, "")
    assert "(StreamFull)" in again.stderr

    async with raw_nats(jethook.nats_url) as raw:
        assert 90 < await raw.stored() < 110
        assert len(accepted) > 90
        jethook.write("endpoint.yaml", endpoint("crm", receiver.url))
        await eventually(lambda: raw.done("orders"), seconds=30)
        assert await raw.dead_letters("orders") == []
    assert _ids(receiver, "orders") >= accepted
    accepted |= set(await jethook.publish("com.example.made", 1))
    await eventually(lambda: _ids(receiver, "orders") >= accepted, seconds=20)


async def _nothing_waits(raw: RawNats, *names: str) -> bool:
    return not any([await raw.waiting(name) for name in names])
