"""Every process does its work with the permissions that are named for it, and asks for nothing beyond them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from jethook_contract.sealing import KeyRing
from tests.fixtures.behaviours import Received, answers
from tests.fixtures.installation import endpoint, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver
from tests.tenancy.permitted import PermittedNats, platform_users

pytestmark = pytest.mark.component

MANY = 60  # objects beside the ones of interest, so that a plan is more than one message


@pytest.fixture(params=[["shop"], ["*"]], ids=["one namespace", "all namespaces"])
def platform(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Iterator[PermittedNats]:
    """Run operator and dispatcher, each as its own NATS user, over objects of the namespace `shop`."""
    permitted = PermittedNats(tmp_path / "nats", platform_users(served=request.param))
    _write_objects(tmp_path / "objects", receiver=receiver)
    keys = tmp_path / "keys"
    keys.mkdir()
    for pool in ("default", "other"):
        (keys / pool).write_text(KeyRing.generate().get_secret_value())
    with ExitStack() as stack:
        stack.callback(permitted.server.close)
        permitted.server.start()
        stack.enter_context(
            permitted.process(
                "operator", "operator", "--provider=files", f"--files={tmp_path / 'objects'}", f"--plan-keys={keys}",
                "--install-id=test", "--events-max-bytes=8388608",
            )
        )  # fmt: skip
        stack.enter_context(
            permitted.process("pool-default", "dispatcher", "--pool=default", f"--plan-key={keys / 'default'}")
        )
        yield permitted


def _write_objects(folder: Path, *, receiver: Receiver) -> None:
    folder.mkdir()
    refused = {"maxAttempts": 1, "initialDelaySeconds": 1}
    pools = [
        {"apiVersion": "jethook.io/v1alpha1", "kind": "DispatcherPool", "metadata": {"name": name}, "spec": spec}
        for name, spec in (("default", {"egress": {"allowedCIDRs": ["127.0.0.0/8"]}}), ("other", {}))
    ]
    tenants = [
        secret(),
        endpoint("crm", receiver.url),
        endpoint("gone", receiver.url.replace("/hook", "/gone"), retry=refused),
        subscription("orders", "crm", "com.example.order.*"),
        subscription("lost", "gone", "com.example.lost.*"),
        subscription("ordered", "crm", "com.example.key.*", ordering={"keyFrom": "event.subject"}),
        *(subscription(f"more-{number}", "crm", f"com.example.more.n{number}") for number in range(MANY)),
    ]
    for one in tenants:
        one["metadata"]["namespace"] = "shop"
    (folder / "all.yaml").write_text(yaml.safe_dump_all([*pools, *tenants]))


def _only_gone_fails(receiver: Receiver) -> None:
    well, ill = answers(), answers(500)

    async def behave(request: web.Request, received: Received) -> web.StreamResponse:
        return await (ill if received.path == "/gone" else well)(request, received)

    receiver.behaviour = behave


async def _ready(platform: PermittedNats, noun: str, name: str) -> bool:
    done = await platform.jethook("admin", "get", noun, name, "-n", "shop", "-o", "json")
    conditions = json.loads(done.stdout).get("status", {}).get("conditions", []) if done.returncode == 0 else []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def test_what_a_producer_publishes_is_delivered_counted_and_dead_lettered(
    platform: PermittedNats, receiver: Receiver
) -> None:
    _only_gone_fails(receiver)
    await eventually(lambda: _ready(platform, "subscription", "lost"), seconds=40, every_seconds=0.5)
    await eventually(lambda: _ready(platform, "subscription", "orders"), seconds=40, every_seconds=0.5)
    published = await platform.jethook("producer-shop", "publish", "com.example.order.made", "-n", "shop", "--count=20")
    assert published.returncode == 0, published.stderr
    lost = await platform.jethook("producer-shop", "publish", "com.example.lost.one", "-n", "shop")
    assert lost.returncode == 0, lost.stderr
    wanted = {*published.stdout.split(), *lost.stdout.split()}
    await eventually(lambda: {json.loads(one.body)["id"] for one in receiver.requests} >= wanted, seconds=40)

    async def dead() -> bool:
        listed = await platform.jethook("admin", "dead-letters", "list", "--subscription=lost", "-n", "shop")
        return "com.example.lost.one" in listed.stdout

    async def counted() -> bool:
        shown = await platform.jethook("admin", "get", "endpoint", "crm", "-n", "shop", "-o", "json")
        delivered: int = json.loads(shown.stdout).get("status", {}).get("delivery", {}).get("delivered", 0)
        return delivered >= 20

    await eventually(dead, seconds=30, every_seconds=0.5)
    await eventually(counted, seconds=30, every_seconds=0.5)
    skipped = await platform.jethook("admin", "skip", "ordered", "--key=none", "--yes", "-n", "shop")
    assert "parked" in skipped.stderr, skipped
    assert platform.violations() == []
