"""The dead letters of a namespace as they lie in NATS: read in bounded portions, one by one by id, deleted.

They are read through a consumer that acknowledges nothing and goes with the command, so reading changes nothing.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from jethook_cli.jetstream import ANSWER_SECONDS, ApiError, ask, find, refused, unreachable
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.deadletters import DeadLetter, read
from jethook_contract.errors import Invalid
from jethook_contract.names import deadletters_stream
from jethook_contract.subjects import deadletters_subject
from jethook_dispatcher.core.lane_reply import read_reply

PORTION = 50  # at most 1 MiB each
_INACTIVE_SECONDS = 300.0  # a reader behind a pager may pause; past that the consumer is made anew
_DELETE_FAILED = 10057
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PullSubscription = JetStreamContext.PullSubscription


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A dead letter and `time`, the stream's own text for when it was stored, to the nanosecond."""

    letter: DeadLetter
    time: str


class DeadLetterStream:
    """Read and delete the dead letters of one namespace."""

    def __init__(self, client: Client, *, namespace: str) -> None:
        """Choose the namespace; raises Invalid `BadName` for what cannot be one."""
        self._any = deadletters_subject(namespace, "any").removesuffix("any") + "*"
        self._client = client
        self._js = client.jetstream(timeout=ANSWER_SECONDS)
        self.namespace = namespace
        self.name = deadletters_stream(namespace)

    async def scan(self, *, subscription: str | None = None) -> AsyncGenerator[DeadLetter, None]:
        """Give what is there now, oldest first, of one Subscription or of all.

        What is stored after the beginning is left out, so that it ends. Raises Invalid `NoStream`, Unavailable.
        """
        subject = deadletters_subject(self.namespace, subscription) if subscription else self._any
        after, last = 0, await self._last_sequence()
        while after < last:
            start = after
            async with contextlib.aclosing(self._from(after + 1, subject=subject)) as messages:
                async for message in messages:
                    after = message.metadata.sequence.stream
                    if after > last:
                        return
                    yield _letter(message)
            if after == start:
                return

    async def get(self, sequence: int) -> StoredLetter | None:
        """Give one by its id, None when there is none; raises Unavailable."""
        found = await find(self._client, f"STREAM.MSG.GET.{self.name}", {"seq": sequence})
        if found is None:
            return None
        message = found["message"]
        letter = read(
            sequence=message["seq"],
            subject=message["subject"],
            headers=_headers(base64.b64decode(message.get("hdrs", ""))),
            data=base64.b64decode(message.get("data", "")),
            time=datetime.fromisoformat(message["time"]),
        )
        return StoredLetter(letter=letter, time=message["time"])

    async def delete(self, sequence: int) -> bool:
        """Delete one by its id; False when somebody else did before. Raises Unavailable."""
        answer = await ask(self._client, f"STREAM.MSG.DELETE.{self.name}", {"seq": sequence, "no_erase": True})
        if not isinstance(answer, ApiError):
            return True
        if answer.err_code == _DELETE_FAILED and await self.get(sequence) is None:
            return False
        raise refused(answer)

    async def _last_sequence(self) -> int:
        info = await find(self._client, f"STREAM.INFO.{self.name}")
        if info is None:
            raise Invalid(
                "NoStream",
                f"namespace {self.namespace} has no dead letters stream: no Jethook object was ever there; see -n",
            )
        return int(info["state"]["last_seq"]) if info["state"]["messages"] else 0

    async def _from(self, start: int, *, subject: str) -> AsyncGenerator[Msg, None]:
        """Give messages until none is pending, or until the consumer is lost."""
        pull = await self._open(start, subject=subject)
        try:
            pending = (await pull.consumer_info()).num_pending or 0
            while pending:
                messages = await self._portion(pull)
                for message in messages:
                    yield message
                if not messages:
                    return
                pending = messages[-1].metadata.num_pending
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise unreachable(exc) from exc
        finally:
            await self._close(pull)

    async def _portion(self, pull: PullSubscription) -> list[Msg]:
        """Fetch the next portion; empty when nothing is left, or when the consumer has gone meanwhile."""
        try:
            return await pull.fetch(PORTION, timeout=ANSWER_SECONDS)
        except (TimeoutError, nats.errors.Error):
            try:
                info = await pull.consumer_info()
            except NotFoundError:
                return []
            if info.num_pending:
                raise
            return []

    async def _open(self, start: int, *, subject: str) -> PullSubscription:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=_INACTIVE_SECONDS,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            return await self._js.pull_subscribe(subject, stream=self.name, config=config)
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            raise unreachable(exc) from exc

    async def _close(self, pull: PullSubscription) -> None:
        with contextlib.suppress(nats.errors.Error, TimeoutError, OSError):
            name = (await pull.consumer_info()).name
            await pull.unsubscribe()
            await self._js.delete_consumer(self.name, name)


@contextlib.asynccontextmanager
async def open_dead_letters(settings: ConnectionSettings, *, namespace: str) -> AsyncIterator[DeadLetterStream]:
    """Connect for the length of a command; raises Invalid `BadName`, Unavailable `NATSUnreachable`."""
    async with open_client(settings) as client:
        yield DeadLetterStream(client, namespace=namespace)


@contextlib.asynccontextmanager
async def open_client(settings: ConnectionSettings) -> AsyncIterator[Client]:
    """Connect for the length of a command; raises Unavailable `NATSUnreachable`."""
    client = await connect(settings, hooks=ConnectionHooks())
    try:
        yield client
    finally:
        await disconnect(client)


def not_there(sequence: int, *, namespace: str) -> Invalid:
    """Make the error of an id that names nothing."""
    return Invalid(
        "NotFound",
        f"there is no dead letter {sequence} in namespace {namespace}: see `jethook dead-letters list -n {namespace}`",
    )


def _letter(message: Msg) -> DeadLetter:
    stored_nanoseconds = read_reply(message.reply).stored_nanoseconds  # nats-py's own time went through a float
    return read(
        sequence=message.metadata.sequence.stream,
        subject=message.subject,
        headers=message.headers,
        data=message.data,
        time=_EPOCH + timedelta(microseconds=stored_nanoseconds // 1000),
    )


def _headers(block: bytes) -> dict[str, str]:
    """Read a header block as it is: nats-py's way for single messages garbles what is not ASCII."""
    lines = (line.partition(b":") for line in block.split(b"\r\n")[1:])
    return {
        name.decode(errors="replace"): value.strip().decode(errors="replace") for name, colon, value in lines if colon
    }
