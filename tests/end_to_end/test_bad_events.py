"""Events of foreign producers: odd ones arrive as they are, bad ones are refused or buried with the reason."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator

import nats.errors
import pytest
from nats.js.errors import APIError
from pydantic import SecretStr

from jethook_contract.verification import verify
from tests.fixtures.behaviours import Received
from tests.fixtures.installation import SIGNING_KEY, Standalone, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.raw_nats import RawNats, raw_nats
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

KIBIBYTE = 1024
TOO_LARGE_FOR_THE_STREAM = 10054


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def jethook(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """Run one installation for all tests of this module: each has a Subscription of its own."""
    installation = Standalone(tmp_path_factory.mktemp("bad-events") / "objects")
    names = ("utf8", "unknown", "odd", "large")
    installation.write("base.yaml", pool(), secret(), endpoint("crm", receiver.url))
    installation.write("subscriptions.yaml", *(subscription(name, "crm", f"com.{name}.**") for name in names))

    async def start() -> None:
        await installation.start()
        await installation.all_ready("subscriptions", count=len(names))

    asyncio.run(start())
    yield installation
    asyncio.run(installation.stop())


@pytest.fixture
async def raw(jethook: Standalone) -> AsyncIterator[RawNats]:
    async with raw_nats(jethook.nats_url) as client:
        yield client


def _event(event_type: str, event_id: str) -> bytes:
    return json.dumps({"specversion": "1.0", "id": event_id, "source": "/raw", "type": event_type}).encode()


def _of(receiver: Receiver, name: str) -> list[Received]:
    """Give what came for one Subscription."""
    return [r for r in list(receiver.requests) if r.headers["jethook-subscription"] == f"default/{name}"]


async def test_an_event_that_is_not_utf8_becomes_a_dead_letter_that_everybody_can_find(
    jethook: Standalone, receiver: Receiver, raw: RawNats
) -> None:
    bad = _event("com.utf8.made", "bad").replace(b"/raw", b"/r\xff\xfew")
    await raw.publish("com.utf8.made", _event("com.utf8.made", "before"))
    await raw.publish("com.utf8.made", bad)
    await raw.publish("com.utf8.made", _event("com.utf8.made", "after"))
    await eventually(lambda: raw.done("utf8"), seconds=20)
    assert {json.loads(request.body)["id"] for request in _of(receiver, "utf8")} == {"before", "after"}

    (letter,) = await raw.dead_letters("utf8")
    assert letter.body == bad
    assert letter.headers["Jethook-Reason"] == "InvalidUTF8"
    assert letter.headers["Jethook-Attempts"] == "0"
    assert "encode it anew" in letter.headers["Jethook-Last-Error"]
    status = await jethook.counted("subscription", "utf8", delivered=2, deadLettered=1, failedAttempts=0)
    assert status["delivery"]["lastError"]["reason"] == "InvalidUTF8"
    assert "UTF-8" in status["delivery"]["lastError"]["message"]
    shown = (await jethook.jethook("describe", "subscription", "utf8")).stdout
    assert "Dead Lettered: 1" in shown
    assert "InvalidUTF8" in shown
    (logged,) = [line for line in jethook.log.splitlines() if "event dead-lettered" in line]
    assert "utf8" in logged
    assert "InvalidUTF8" in logged


async def test_what_nobody_knows_in_an_event_arrives_byte_for_byte(
    jethook: Standalone, receiver: Receiver, raw: RawNats
) -> None:
    body = (
        b'{ "specversion":"1.0", "traceid":"00-ab\\u00e9-01",\t"type":"com.unknown.made",\n "retries": 7, "dry":true,'
        b' "id":"one", "source":"/raw", "data":{"b":1.10, "a":1e2, "a2":[ ], "s":"\\/"} }'
    )
    await raw.publish("com.unknown.made", body, headers={"X-Foreign": "kept out"})
    (request,) = await eventually(lambda: _of(receiver, "unknown"), seconds=20)
    assert request.body == body
    verify(request.headers, request.body, keys=[SecretStr(SIGNING_KEY)], now=time.time())
    assert "x-foreign" not in request.headers
    assert (await jethook.jethook("get", "subscription", "unknown")).returncode == 0


@pytest.mark.parametrize(
    "event_type",
    ["com.odd.made of * and >", "com.odd.*", "com.odd.>", "com.odd.**", "com.odd. .%2A", "com.odd.größe", "com.odd..x"],
)
async def test_a_type_with_spaces_and_wildcards_goes_to_who_subscribed_to_it(
    jethook: Standalone, receiver: Receiver, event_type: str
) -> None:
    (published,) = await jethook.publish(event_type)

    def arrived() -> list[str]:
        events = [json.loads(request.body) for request in _of(receiver, "odd")]
        return [event["type"] for event in events if event["id"] == published]

    assert await eventually(arrived, seconds=20) == [event_type]
    assert all(published.encode() not in r.body for name in ("utf8", "unknown", "large") for r in _of(receiver, name))


async def test_an_event_of_2_mib_is_refused_to_any_client_and_768_kib_pass(
    jethook: Standalone, receiver: Receiver, raw: RawNats
) -> None:
    """Above its payload bound NATS refuses with its own error, up to there the stream does; nothing is stored."""
    last = await raw.publish("com.large.made", _event("com.large.made", "small"))
    with pytest.raises(nats.errors.MaxPayloadError):
        await raw.publish("com.large.made", b"x" * (2 * KIBIBYTE * KIBIBYTE + 1))
    for size in (2 * KIBIBYTE * KIBIBYTE, 900 * KIBIBYTE):
        with pytest.raises(APIError, match="message size exceeds maximum allowed") as refused:
            await raw.publish("com.large.made", b"x" * size)
        assert refused.value.err_code == TOO_LARGE_FOR_THE_STREAM
    start = _event("com.large.made", "largest")[:-1] + b',"data":"'
    largest = start + b"x" * (768 * KIBIBYTE - len(start) - 2) + b'"}'
    assert await raw.publish("com.large.made", largest) == last + 1

    await eventually(lambda: raw.done("large"), seconds=20)
    by_size = sorted(_of(receiver, "large"), key=lambda request: len(request.body))
    assert [len(request.body) for request in by_size] == [len(_event("com.large.made", "small")), 768 * KIBIBYTE]
    assert hashlib.sha256(by_size[-1].body).digest() == hashlib.sha256(largest).digest()
    assert await raw.dead_letters("large") == []
    assert jethook.running
