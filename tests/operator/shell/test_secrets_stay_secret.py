"""No value of a Secret is in what the operator writes anywhere: log, statuses, Events, plan, all that NATS keeps."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.kubernetes import ApiServer
from tests.fixtures.nats import NatsServer
from tests.fixtures.poll import eventually
from tests.operator.shell.documents import SUBSCRIPTION
from tests.operator.shell.running_operator import (
    NatsView,
    OperatorProcess,
    condition,
    nats_view,
    operator_process,
    plan_keys,
    ready,
)
from tests.operator.shell.tenant import SYSTEM, Tenant, settings_for

SECONDS = 30.0
KEY = "whsec_cGVsaWthbnMtaW4ta2V5cy1hcmUtcXVpZXQ="
NEXT_KEY = "whsec_Zmxhbdluvn8tYmlyZHMtcm90YXRlLWtleXM="
TOKEN = "Bearer pelican-token-4711"
BAD_KEY = "!pelican-that-is-no-base64!"
BAD_HEADER = "pelican-line\nX-Evil: pelican-break"
USERINFO = "pelican-userinfo-pw"
VALUES = (KEY, NEXT_KEY, TOKEN, BAD_KEY, BAD_HEADER)


def secret(name: str, **data: str) -> dict[str, object]:
    metadata = {"name": name, "labels": {"jethook.io/use": "true"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def endpoint(name: str, *, key: str, token: str) -> dict[str, object]:
    spec = {
        "url": f"https://a.example/{name}?query={USERINFO}",
        "signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": key}}],
        "headers": [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": token, "key": "value"}}}],
    }
    metadata = {"name": name}
    return {"apiVersion": "jethook.io/v1alpha1", "kind": "WebhookEndpoint", "metadata": metadata, "spec": spec}


def documents(*, current: str = KEY) -> str:
    """Write a good endpoint, and two whose Secrets hold what cannot be used."""
    made = [
        secret("keys", current=current),
        secret("token", value=TOKEN),
        secret("bad-keys", current=BAD_KEY),
        secret("bad-token", value=BAD_HEADER),
        endpoint("orders", key="keys", token="token"),
        endpoint("bad-key", key="bad-keys", token="token"),
        endpoint("bad-header", key="keys", token="bad-token"),
    ]
    # JSON is YAML too.
    return "\n---\n".join([*(json.dumps(one, indent=1) for one in made), SUBSCRIPTION])


def leaks(texts: dict[str, bytes]) -> list[tuple[str, str]]:
    """Find each text that holds a value, as it is, in JSON or in base64."""
    found = []
    for value in VALUES:
        bare = value.removeprefix("whsec_").removeprefix("Bearer ")
        forms = {bare.encode(), *bare.encode().splitlines(), base64.b64encode(value.encode()), value.encode()[6:]}
        found += [(where, value) for where, text in texts.items() for form in forms if form in text]
    return found


def stored(server: NatsServer) -> dict[str, bytes]:
    """Read all files in which NATS keeps streams and buckets."""
    return {str(path): path.read_bytes() for path in server.store.rglob("*") if path.is_file()}


def rotated(process: OperatorProcess) -> Callable[[], bool]:
    return lambda: "now signing with key current of Secret keys" in process.log


@pytest.mark.component
async def test_from_files(tmp_path: Path, nats_server: NatsServer) -> None:
    folder = tmp_path / "objects"
    folder.mkdir()
    (folder / "all.yaml").write_text(documents())
    arguments = ["--provider", "files", "--files", str(folder), "--plan-keys", str(plan_keys(tmp_path))]
    arguments += ["--install-id", "test", "--nats", nats_server.url]
    with operator_process(tmp_path, *arguments) as process:
        async with nats_view(nats_server.url) as view:
            await eventually(lambda: _all_judged(view), seconds=SECONDS)
            (folder / "all.yaml").write_text(documents(current=NEXT_KEY))
            await eventually(rotated(process), seconds=SECONDS)
            repeated = f'{{apiVersion: v1, kind: Secret, stringData: {{a: "{KEY}", a: "{TOKEN}"}}}}'
            (folder / "repeated.yaml").write_text(repeated)
            (folder / "torn.yaml").write_text(documents()[:-400] + f'\n{TOKEN}: "{BAD_KEY}')
            await eventually(lambda: process.log.count("file_refused") == 2, seconds=SECONDS)
            objects, plan = await view.objects(), await view.plan()
        assert process.stop() == 0
    texts = {"log": process.log, "objects": json.dumps(objects), "plan": json.dumps(plan)}
    kept = stored(nats_server)
    assert any(plan["default.orders.all"]["sealed"].encode() in data for data in kept.values()), "it was really read"
    assert leaks({name: text.encode() for name, text in texts.items()} | kept) == []
    assert USERINFO not in process.log + json.dumps([one["status"] for one in objects.values()])


async def _all_judged(view: NatsView) -> bool:
    found = await view.objects()
    states = {name: ready(found.get(f"WebhookEndpoint.default.{name}")) for name in ("orders", "bad-key", "bad-header")}
    return states == {"orders": "True", "bad-key": "False", "bad-header": "False"}


@pytest.mark.api
@pytest.mark.component
async def test_from_kubernetes(kube: ApiServer, kube_namespace: str, tmp_path: Path, nats_server: NatsServer) -> None:
    tenant, settings = Tenant(kube, kube_namespace), settings_for(kube, nats_server, tmp_path)
    arguments = ["--kubeconfig", str(settings.kubeconfig), "--plan-keys", str(settings.plan_keys_dir)]
    arguments += ["--install-id", "test", "--nats", nats_server.url, "--namespace", SYSTEM]
    with operator_process(tmp_path, *arguments) as process:
        await tenant.apply(documents())
        await eventually(lambda: _judged(tenant), seconds=SECONDS, every_seconds=0.5)
        for name in ("bad-key", "bad-header"):
            assert condition(await tenant.get("whe", name), "Ready")["reason"] == "SecretKeyInvalid"
        await tenant.apply(documents(current=NEXT_KEY))

        async def told() -> bool:
            return "SecretRotated" in await tenant.kubectl("get", "events", "-o", "yaml")

        await eventually(told, seconds=SECONDS, every_seconds=0.5)
        shown = await tenant.kubectl("get", "events,whe,whsub", "-o", "json")
        pools = await Tenant(kube, SYSTEM).kubectl("get", "events,whpool", "-o", "json")
        async with nats_view(nats_server.url) as view:
            plan = await view.plan()
        assert await asyncio.to_thread(process.stop) == 0
    assert "SecretKeyInvalid" in shown, "the Events are there"
    sealed, kept = plan[f"{kube_namespace}.orders.all"]["sealed"], stored(nats_server)
    assert any(sealed.encode() in data for data in kept.values()), "it was really read"
    texts = {"log": process.log, "shown": shown, "pools": pools, "plan": json.dumps(plan)}
    assert leaks({name: text.encode() for name, text in texts.items()} | kept) == []
    written = [one.get("status") or one.get("message") for one in json.loads(shown)["items"]]
    assert USERINFO not in process.log + json.dumps(written)


async def _judged(tenant: Tenant) -> bool:
    states = {name: ready(await tenant.get("whe", name)) for name in ("orders", "bad-key", "bad-header")}
    return states == {"orders": "True", "bad-key": "False", "bad-header": "False"}


def test_a_leak_would_be_found() -> None:
    for value in VALUES:
        assert leaks({"log": f"x {value} y".encode()})
        assert leaks({"log": base64.b64encode(value.encode())})
