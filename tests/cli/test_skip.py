"""`jethook skip` against a real NATS server, with a responder that plays the owner of the Subscription."""

import asyncio
import os
import pty
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.msg import Msg

from jethook_cli import skip
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.control import ControlAnswer, ControlRequest, control_subjects, control_target
from jethook_contract.errors import Invalid, JethookError, Unavailable
from tests.fixtures.nats import NatsServer

COMMAND = [sys.executable, "-c", "import typer; from jethook_cli.skip import skip; typer.run(skip)"]


class Owner:
    """Own Subscription shop/orders, in which the keys of `parked` are parked."""

    def __init__(self, *, parked: set[str], ordered: bool = True) -> None:
        self.parked = parked
        self.ordered = ordered
        self.asked: list[str] = []

    def answer(self, message: Msg) -> bytes | None:
        if control_target(message.subject) != ("shop", "orders"):
            return None
        key = ControlRequest.decode(message.data).key
        self.asked.append(key)
        if not self.ordered:
            return ControlAnswer(done=False, reason="NotOrdered", message="orders has no ordering").encode()
        if key not in self.parked:
            keys = ", ".join(sorted(self.parked)) or "none"
            return ControlAnswer(done=False, reason="NotParked", message=f"parked are: {keys}").encode()
        self.parked.remove(key)
        return ControlAnswer(done=True, reason="Skipped", message=f"sequence 7 of key {key} is a dead letter").encode()


@asynccontextmanager
async def answering(server: NatsServer, answer: Callable[[Msg], bytes | None]) -> AsyncIterator[None]:
    client = await connect(ConnectionSettings(servers=(server.url,)), hooks=ConnectionHooks())

    async def hear(message: Msg) -> None:
        text = answer(message)
        if text is not None:
            await message.respond(text)

    await client.subscribe(control_subjects("default"), cb=hear)
    await client.flush()
    try:
        yield
    finally:
        await client.close()


async def _skip(server: NatsServer, *, name: str = "orders", key: str = "a") -> None:
    await asyncio.to_thread(skip.skip, name, key, namespace="shop", pool="default", yes=True, nats=[server.url])


@pytest.mark.component
async def test_the_head_of_a_parked_key_is_skipped_and_what_became_of_it_is_told(
    nats_server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = Owner(parked={"a", "b"})
    async with answering(nats_server, owner.answer):
        await _skip(nats_server)
    assert (owner.parked, owner.asked) == ({"b"}, ["a"])
    assert capsys.readouterr().out == "sequence 7 of key a is a dead letter\n"


@pytest.mark.component
@pytest.mark.parametrize(
    ("owner", "reason", "said"),
    [
        (Owner(parked={"b", "c"}), "NotParked", "parked are: b, c"),
        (Owner(parked={"\x1b[2Jk\n"}), "NotParked", "parked are: ?[2Jk?"),
        (Owner(parked=set(), ordered=False), "NotOrdered", "orders has no ordering"),
    ],
    ids=["not parked", "a key that would move the cursor", "not ordered"],
)
async def test_what_the_owner_refuses_is_an_error(
    nats_server: NatsServer, owner: Owner, reason: str, said: str
) -> None:
    async with answering(nats_server, owner.answer):
        with pytest.raises(Invalid) as refused:
            await _skip(nats_server)
    assert (refused.value.reason, refused.value.message) == (reason, said)


@pytest.mark.component
async def test_without_any_dispatcher_it_is_told_at_once(nats_server: NatsServer) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable, match="no dispatcher of this pool runs"):
        await _skip(nats_server)
    assert time.monotonic() - began < 4.0


@pytest.mark.component
async def test_where_no_dispatcher_owns_the_subscription_it_is_told_after_five_seconds(
    nats_server: NatsServer,
) -> None:
    owner = Owner(parked={"a"})
    async with answering(nats_server, owner.answer):
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"NoOwner.*answered for the Subscription within 5 s"):
            await _skip(nats_server, name="unknown")
    assert 4.9 < time.monotonic() - began < 15.0
    assert owner.asked == []


@pytest.mark.component
async def test_an_answer_that_is_none_is_an_error(nats_server: NatsServer) -> None:
    async with answering(nats_server, lambda _: b"yes"):
        with pytest.raises(JethookError, match="BadRecord"):
            await _skip(nats_server)


@pytest.mark.component
@pytest.mark.parametrize(("typed", "asked", "code"), [(b"y\n", ["a"], 0), (b"n\n", [], 1), (b"\n", [], 1)])
async def test_a_person_at_a_terminal_is_asked_first(
    nats_server: NatsServer, typed: bytes, asked: list[str], code: int
) -> None:
    owner = Owner(parked={"a"})
    async with answering(nats_server, owner.answer):
        done = await asyncio.to_thread(_at_a_terminal, typed, nats_server.url)
    assert (owner.asked, done.returncode) == (asked, code), done.stderr
    assert b"Skip the event that holds up key 'a' of Subscription shop/orders?" in done.stderr


def test_without_a_terminal_and_without_yes_nothing_is_sent() -> None:
    arguments = ["orders", "--key", "a", "--nats", "nats://127.0.0.1:1"]
    done = subprocess.run(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert b"give --yes" in done.stderr


@pytest.mark.parametrize(
    ("name", "key", "reason"),
    [("Orders.x", "a", "BadName"), ("orders", "k" * 1025, "BadKey"), ("orders", "a", "NoNATS")],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(name: str, key: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        skip.skip(name, key, yes=True, pool="default")


def _at_a_terminal(typed: bytes, url: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command with a terminal as its standard input, on which somebody has typed."""
    person, terminal = pty.openpty()
    try:
        os.write(person, typed)
        arguments = ["orders", "--key", "a", "-n", "shop", "--nats", url]
        return subprocess.run([*COMMAND, *arguments], stdin=terminal, capture_output=True, timeout=60, check=False)
    finally:
        os.close(person)
        os.close(terminal)
