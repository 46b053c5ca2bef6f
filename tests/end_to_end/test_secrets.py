"""Keys and header values reach the receiver, rotate without a gap, and are readable nowhere else."""

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from jethook_contract.verification import verify
from tests.fixtures.behaviours import Received, failing
from tests.fixtures.installation import SIGNING_KEY, Standalone, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.receivers import Receiver

Factory = Callable[[], Standalone]
Receivers = Callable[..., Receiver]

NEW_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
HEADER_VALUE = "Bearer 7tqN3uZ1-nobody-else-sees-this"
BROKEN_KEY = "no-base64-but-a-secret-all-the-same!"


def _verified(received: Received, key: str) -> None:
    verify(received.headers, received.body, keys=[SecretStr(key)], now=time.time())


async def test_a_rotated_key_signs_beside_the_previous_one_and_no_secret_can_be_read_anywhere(
    standalone: Factory, receivers: Receivers
) -> None:
    receiver = receivers(failing([500], per=lambda received: received.headers["webhook-id"]))
    jethook = standalone()
    token = secret("token") | {"stringData": {"value": HEADER_VALUE}}
    broken = secret("broken") | {"stringData": {"current": BROKEN_KEY}}
    headers = [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "token", "key": "value"}}}]
    bad_signing = [{"scheme": "StandardWebhooks", "secretRef": {"name": "broken"}}]
    jethook.write("base.yaml", pool(), token, broken, endpoint("crm", receiver.url, headers=headers))
    jethook.write("more.yaml", subscription("orders", "crm"), endpoint("bad", receiver.url, signing=bad_signing))
    jethook.write("signing.yaml", secret())
    await jethook.start()
    await jethook.ready("subscription", "orders")
    refused = await jethook.ready("endpoint", "bad", status="False")
    assert refused["reason"] == "SecretKeyInvalid"
    await jethook.publish("com.example.made")
    for received in await receiver.wait_for_requests(2):
        _verified(received, SIGNING_KEY)
        assert received.headers["authorization"] == HEADER_VALUE
        assert len(received.headers["webhook-signature"].split()) == 1

    jethook.write("signing.yaml", secret() | {"stringData": {"current": NEW_KEY, "previous": SIGNING_KEY}})
    await eventually(lambda: "now signing with key current of Secret signing" in jethook.log, seconds=20)
    await _published_until_signed_twice(jethook, receiver)
    last = receiver.requests[-1]
    first_signature, second_signature = last.headers["webhook-signature"].split()
    for signature, key in ((first_signature, NEW_KEY), (second_signature, SIGNING_KEY)):
        one = Received(last.at, last.method, last.path, {**last.headers, "webhook-signature": signature}, last.body)
        _verified(one, key)

    shown = [await jethook.jethook("get", noun, "-A", "-o", "yaml") for noun in ("endpoints", "subscriptions", "pools")]
    shown += [await jethook.jethook("describe", "endpoint", name) for name in ("crm", "bad")]
    nats_token = jethook.nats_url.partition("//")[2].partition("@")[0]
    assert await jethook.stop() == 0
    texts = {"log": jethook.log, "screens": "".join(done.stdout + done.stderr for done in shown)}
    stored = {str(path): path.read_bytes() for path in _stored_files(jethook.folder)}
    assert any(b"webhook" in data for data in stored.values()), "the store was really read"
    for value in (SIGNING_KEY, NEW_KEY, HEADER_VALUE, BROKEN_KEY, nats_token):
        bare = value.removeprefix("whsec_").removeprefix("Bearer ")
        assert [name for name, text in texts.items() if bare in text] == []
        assert [name for name, data in stored.items() if bare.encode() in data and value != nats_token] == []


async def _published_until_signed_twice(jethook: Standalone, receiver: Receiver) -> None:
    """Publish until the dispatcher has the new plan."""

    async def twice() -> bool:
        await jethook.publish("com.example.made")
        return " " in receiver.requests[-1].headers["webhook-signature"]

    await eventually(twice, seconds=20, every_seconds=0.2)


def _stored_files(folder: Path) -> list[Path]:
    """List all that JetStream keeps on disk."""
    return [path for path in (folder / ".jethook" / "nats").rglob("*") if path.is_file()]
