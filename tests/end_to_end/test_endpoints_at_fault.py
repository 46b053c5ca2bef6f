"""Endpoints that cannot or must not be reached, or answer badly: each says what is wrong, and no event is lost."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fixtures.behaviours import Behaviour, answers, flooding, hanging, hanging_up, hanging_up_in_mid_answer
from tests.fixtures.installation import Standalone, condition_of, endpoint, pool, secret, subscription
from tests.fixtures.poll import eventually
from tests.fixtures.raw_nats import DeadLetter, raw_nats
from tests.fixtures.receivers import Receiver

pytestmark = pytest.mark.component

EVENTS = 3
TWICE = {"maxAttempts": 2, "initialDelaySeconds": 1, "factor": 1, "maxDelaySeconds": 1}
METADATA = {
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "mapped": "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "mapped-hex": "https://[::ffff:a9fe:a9fe]/latest/meta-data/",
    "private": "https://10.11.12.13/hook",
}
BAD_ANSWERS: dict[str, tuple[Behaviour, str]] = {
    "hangs-up": (hanging_up(), "ConnectionClosed"),
    "in-mid-answer": (hanging_up_in_mid_answer(), "ConnectionClosed"),
    "never-answers": (hanging(), "Timeout"),
}


@dataclass
class World:
    """One installation with every faulty endpoint, one Subscription of the same name each, three events published."""

    jethook: Standalone
    receivers: dict[str, Receiver]
    dead: dict[str, list[DeadLetter]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    jethook = Standalone(tmp_path_factory.mktemp("faults") / "objects")
    behaviours = {name: behaviour for name, (behaviour, _) in BAD_ANSWERS.items()}
    receivers = {name: Receiver(one) for name, one in {**behaviours, "floods": flooding(), "good": answers()}.items()}
    urls = METADATA | {name: receiver.url for name, receiver in receivers.items()}
    jethook.write("pool.yaml", pool(), secret())
    jethook.write("endpoints.yaml", *(endpoint(n, url, retry=TWICE, timeoutSeconds=1) for n, url in urls.items()))
    jethook.write("subscriptions.yaml", *(subscription(name, name) for name in urls))
    jethook.write("no-scheme.yaml", endpoint("no-scheme", "hooks.example.com/orders"))
    for receiver in receivers.values():
        receiver.start()
    yield World(jethook, receivers, asyncio.run(_run(jethook, list(urls))))
    asyncio.run(jethook.stop())
    for receiver in receivers.values():
        receiver.stop()


async def _run(jethook: Standalone, names: list[str]) -> dict[str, list[DeadLetter]]:
    """Publish, wait until nothing waits any more, and read the dead letters."""
    await jethook.start()
    await jethook.all_ready("subscriptions", count=len(names))
    await jethook.publish("com.example.order.made", EVENTS)
    async with raw_nats(jethook.nats_url) as raw:
        for name in names:
            await eventually(lambda name=name: raw.done(name), seconds=30)
        return {name: await raw.dead_letters(name) for name in names}


@pytest.mark.parametrize("name", sorted(METADATA))
async def test_an_address_inside_is_refused_and_the_user_sees_why(world: World, name: str) -> None:
    status = await world.jethook.counted("endpoint", name, state="Failing", deadLettered=EVENTS, delivered=0)
    error = status["delivery"]["lastError"]
    assert error["reason"] == "AddressDenied"
    assert "169.254.169.254" not in error["message"], "what a name leads to is not the tenant's to know"
    condition = condition_of(status, "Delivering")
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("False", "AddressDenied")
    cure = "spec.egress.allowedCIDRs" if name == "private" else "no pool can open it"
    assert cure in condition["message"]
    letters = world.dead[name]
    assert len(letters) == EVENTS
    assert {letter.headers["Jethook-Reason"] for letter in letters} == {"AttemptsExhausted"}
    assert all("AddressDenied" in letter.headers["Jethook-Last-Error"] for letter in letters)


async def test_the_wide_table_and_describe_name_the_last_error(world: World) -> None:
    await world.jethook.counted("endpoint", "mapped", deadLettered=EVENTS)
    table = (await world.jethook.jethook("get", "endpoints", "-o", "wide")).stdout.splitlines()
    (row,) = [line for line in table if line.startswith("mapped ")]
    assert "LAST ERROR" in table[0]
    assert row[table[0].index("LAST ERROR") :].split()[0] == "AddressDenied"
    described = (await world.jethook.jethook("describe", "endpoint", "mapped")).stdout
    assert "Reason: AddressDenied" in described
    assert "no pool can open it" in described


async def test_a_url_without_scheme_is_stalled_with_field_and_cure(world: World) -> None:
    status = await world.jethook.status("endpoint", "no-scheme")
    ready, stalled = condition_of(status, "Ready"), condition_of(status, "Stalled")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert stalled is not None
    assert "spec.url: must start with https:// or http://" in stalled["message"]
    assert "spec.url: must start with https:// or http://" in world.jethook.log


@pytest.mark.parametrize("name", sorted(BAD_ANSWERS))
async def test_a_receiver_without_a_whole_answer_is_tried_again_then_dead_lettered(world: World, name: str) -> None:
    reason = BAD_ANSWERS[name][1]
    status = await world.jethook.counted(
        "endpoint", name, state="Failing", delivered=0, failedAttempts=2 * EVENTS, deadLettered=EVENTS
    )
    assert status["delivery"]["lastError"]["reason"] == reason
    condition = condition_of(status, "Delivering")
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("False", reason)
    ready = condition_of(status, "Ready")
    assert ready is not None
    assert ready["status"] == "True", "a stranger's server must not turn a Git sync red"
    sent = {json.loads(request.body)["id"] for request in world.receivers[name].requests}
    assert len(world.receivers[name].requests) == 2 * EVENTS
    assert {json.loads(letter.body)["id"] for letter in world.dead[name]} == sent
    assert {letter.headers["Jethook-Attempts"] for letter in world.dead[name]} == {"2"}
    assert all(letter.headers["Jethook-Last-Error"].startswith(reason) for letter in world.dead[name])


@pytest.mark.parametrize("name", ["floods", "good"])
async def test_an_answer_of_10_mib_counts_as_accepted_like_any_other(world: World, name: str) -> None:
    status = await world.jethook.counted("endpoint", name, delivered=EVENTS, deadLettered=0, state="Healthy")
    assert "lastError" not in status["delivery"]
    assert world.dead[name] == []
    assert len(world.receivers[name].requests) == EVENTS
    assert world.receivers[name].open_requests == 0
