"""A folder of YAML becomes signed webhooks, and a person sees how it goes: whole processes, real everything."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from jethook_contract.verification import verify
from tests.fixtures.behaviours import Received
from tests.fixtures.installation import SIGNING_KEY, Standalone, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

Factory = Callable[[], Standalone]


def _ids(requests: list[Received]) -> set[str]:
    return {json.loads(request.body)["id"] for request in requests}


async def test_yaml_goes_in_and_signed_webhooks_come_out(standalone: Factory, receiver: Receiver) -> None:
    jethook = standalone()
    jethook.write("all.yaml", pool(), secret(), endpoint("crm", receiver.url), subscription("orders", "crm"))
    await jethook.start()
    await jethook.ready("subscription", "orders")
    published = await jethook.publish("com.example.order.created", 20)
    await eventually(lambda: _ids(receiver.requests) == set(published), seconds=20)
    for request in receiver.requests:
        verify(request.headers, request.body, keys=[SecretStr(SIGNING_KEY)], now=time.time())
        assert request.headers["jethook-subscription"] == "default/orders"

    async def counted() -> str | None:
        shown = (await jethook.jethook("get", "endpoints")).stdout
        return shown if "Healthy" in shown else None

    table = await eventually(counted, seconds=25, every_seconds=0.5)
    assert table.splitlines()[0].split() == [
        "NAME", "READY", "DELIVERING", "STATE", "SUCCESS", "%", "BACKLOG", "OLDEST", "LAST", "DELIVERY", "AGE",
    ]  # fmt: skip
    assert "-" not in table.splitlines()[1].split()[-2:]  # last delivery and age
    assert table.splitlines()[1].split()[:4] == ["crm", "True", "True", "Healthy"]
    assert (await jethook.jethook("get", "whe", "-o", "wide")).stdout.splitlines()[1].split()[-1] == "default"
    assert SIGNING_KEY not in jethook.log
    assert await jethook.stop() == 0


async def test_what_waits_for_an_endpoint_is_delivered_when_it_comes_and_comes_back(
    standalone: Factory, receiver: Receiver
) -> None:
    jethook = standalone()
    jethook.write("base.yaml", pool(), secret(), subscription("orders", "crm"))
    await jethook.start()
    waiting = await jethook.ready("subscription", "orders", status="False")
    assert waiting["reason"] == "EndpointNotFound"
    assert 'WebhookEndpoint "crm"' in waiting["message"]
    early = await jethook.publish("com.example.order.created", 10)
    path = jethook.write("endpoint.yaml", endpoint("crm", receiver.url))
    await eventually(lambda: _ids(receiver.requests) == set(early), seconds=30)

    path.unlink()
    await jethook.ready("subscription", "orders", status="False")
    while_away = await jethook.publish("com.example.order.created", 10)
    jethook.write("endpoint.yaml", endpoint("crm", receiver.url))
    await eventually(lambda: _ids(receiver.requests) == {*early, *while_away}, seconds=30)


async def test_a_subscription_that_is_deleted_and_made_again_goes_on_with_its_backlog(
    standalone: Factory, receiver: Receiver
) -> None:
    jethook = standalone()
    jethook.write("base.yaml", pool(), secret(), endpoint("crm", receiver.url, suspend=True))
    path = jethook.write("subscription.yaml", subscription("orders", "crm"))
    await jethook.start()
    await jethook.ready("subscription", "orders")
    published = await jethook.publish("com.example.order.created", 10)
    path.unlink()

    async def gone() -> bool:
        return "orders" not in (await jethook.jethook("get", "subscriptions", "-o", "name")).stdout

    await eventually(gone, seconds=20, every_seconds=0.2)
    published += await jethook.publish("com.example.order.created", 10)
    jethook.write("subscription.yaml", subscription("orders", "crm"))
    jethook.write("base.yaml", pool(), secret(), endpoint("crm", receiver.url))
    await eventually(lambda: _ids(receiver.requests) == set(published), seconds=30)
    assert receiver.most_open_requests >= 1


async def test_a_secret_that_is_missing_unlabelled_or_late_is_named_with_the_cure(
    standalone: Factory, receiver: Receiver
) -> None:
    jethook = standalone()
    jethook.write("base.yaml", pool(), endpoint("crm", receiver.url), subscription("orders", "crm"))
    await jethook.start()
    missing = await jethook.ready("endpoint", "crm", status="False")
    assert missing["reason"] == "SecretNotFound"
    assert "spec.signing[0].secretRef" in missing["message"]
    published = await jethook.publish("com.example.order.created", 3)

    jethook.write("secret.yaml", secret(labelled=False))

    async def unlabelled() -> bool:
        condition = await jethook.condition("endpoint", "crm", "Ready")
        return condition is not None and condition["reason"] == "SecretNotLabelled"

    await eventually(unlabelled, seconds=20, every_seconds=0.2)
    condition = await jethook.condition("endpoint", "crm", "Ready")
    assert condition is not None
    assert "kubectl label secret signing jethook.io/use=true" in condition["message"]
    jethook.write("secret.yaml", secret())
    await eventually(lambda: _ids(receiver.requests) == set(published), seconds=30)


async def test_a_file_that_cannot_be_read_keeps_what_it_said_before(standalone: Factory, receiver: Receiver) -> None:
    jethook = standalone()
    path = jethook.write("all.yaml", pool(), secret(), endpoint("crm", receiver.url), subscription("orders", "crm"))
    await jethook.start()
    await jethook.ready("subscription", "orders")
    path.write_text(path.read_text()[:-40] + "\n  : {")
    await eventually(lambda: "all.yaml" in jethook.log, seconds=20)
    published = await jethook.publish("com.example.order.created", 3)
    await eventually(lambda: _ids(receiver.requests) == set(published), seconds=20)


async def test_what_cannot_be_published_is_refused_with_the_reason(
    standalone: Factory, receiver: Receiver, tmp_path: Path
) -> None:
    jethook = standalone()
    jethook.write("all.yaml", pool(), secret(), endpoint("crm", receiver.url), subscription("orders", "crm"))
    await jethook.start()
    await jethook.ready("subscription", "orders")
    too_big = tmp_path / "data.json"
    too_big.write_text(json.dumps("x" * 2 * 1024 * 1024))
    refused = await jethook.jethook("publish", "com.example.big", "--data-file", str(too_big))
    assert refused.returncode == 1
    assert "EventTooLarge" in refused.stderr
    nowhere = await jethook.jethook("publish", "com.example.order.created", "-n", "nowhere")
    assert nowhere.returncode == 1
    assert "nowhere" in nowhere.stderr
    assert "NoStream" in nowhere.stderr
    unsound = await jethook.jethook("publish", "com.example.order.created", "--data", "{")
    assert unsound.returncode == 1
    assert "no JSON" in unsound.stderr
    assert not receiver.requests
