"""Free what waits for a Subscription, in an order that neither leaves room behind nor takes later events along.

1. The stream's last sequence S is read: what lies up to it goes, what comes after stays.
2. A sweep takes the consumer's place (`jethook_operator.shell.sweep`). It holds an interest in everything, so nothing
   is freed between the consumer's end and its return.
3. Where the Subscription exists, its consumer is made anew with the same configuration, to begin after S.
   (A reset does not work on a consumer that began at `new`: err_code 10204.)
4. The sweep is acknowledged empty and deleted. When this is interrupted, the operator's look for orphans carries it on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

from jethook_cli.jetstream import ApiError, ask, find, has_plan, refused
from jethook_contract import names
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.subjects import direct_subject
from jethook_operator.shell.jetstream import JetStreamApi, own_metadata
from jethook_operator.shell.streams import Streams, StreamSettings
from jethook_operator.shell.sweep import Sweeper

_EXISTS = 10148
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What there is of a Subscription in NATS.

    `exists`: a plan names it. `pending` were never handed out, `handed_out` are in flight or in back-off. `config`: of
    its consumer, None when there is none. `swept`: how much an earlier removal has still to free; None when none is
    under way.
    """

    exists: bool
    pending: int = 0
    handed_out: int = 0
    config: Mapping[str, Any] | None = None
    swept: int | None = None

    @property
    def events(self) -> int:
        """Count what waits."""
        return self.pending + self.handed_out


class Purge:
    """Purge one Subscription."""

    def __init__(self, client: Client, *, namespace: str, subscription: str) -> None:
        """Choose the Subscription; raises Invalid `BadName` for what cannot be one."""
        direct_subject(namespace, subscription)  # refuses what is no name
        self._client = client
        self._namespace = namespace
        self._subscription = subscription
        self._stream = names.events_stream(namespace)
        self._consumer = names.subscription_consumer(subscription)

    async def look(self) -> Waiting:
        """Look what waits; raises Invalid `OtherInstall` for a consumer that Jethook has not made, Unavailable."""
        consumer = await self._info(self._consumer)
        sweep = await self._info(names.sweep_consumer(self._subscription))
        exists = await has_plan(self._client, namespace=self._namespace, subscription=self._subscription)
        for info in (consumer, sweep):
            if info is not None and not _install_id(info["config"]):
                raise Invalid(
                    "OtherInstall",
                    f"consumer {info['name']} was not made by Jethook and is not touched; remove it with the NATS tool",
                )
        return Waiting(
            exists=exists,
            pending=consumer["num_pending"] if consumer else 0,
            handed_out=consumer["num_ack_pending"] if consumer else 0,
            config=consumer["config"] if consumer else None,
            swept=_waiting(sweep) if sweep else None,
        )

    async def detach(self, waiting: Waiting) -> None:
        """Take away what waits and, where the Subscription exists, begin anew after it; quick, never to be cut short.

        An earlier removal must have been drained: its sweep no longer holds what it has acknowledged.
        """
        if waiting.config is None:
            return
        last = await self._last_sequence()
        await self._sweeper(waiting.config).detach(self._stream, self._subscription)
        if waiting.exists:
            await self._begin_after(last, config=waiting.config)

    async def drain(self) -> None:
        """Free what the sweep holds; carries on one that was interrupted."""
        sweep = await self._info(names.sweep_consumer(self._subscription))
        if sweep is not None:
            await self._sweeper(sweep["config"]).drain(self._stream, self._subscription)

    async def left(self) -> int:
        """Count what the sweep has still to free."""
        return _waiting(await self._info(names.sweep_consumer(self._subscription)))

    async def _begin_after(self, last: int, *, config: Mapping[str, Any]) -> None:
        """Make the consumer again; one that the operator made first would begin later, and is replaced.

        What that one has handed out meanwhile comes once more; what it would have missed is held by the sweep.
        """
        wanted = {
            **{key: value for key, value in config.items() if key != "opt_start_time"},
            "metadata": own_metadata(config),
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": last + 1,
        }
        request = {"stream_name": self._stream, "action": "create", "config": wanted}
        for _ in range(_TRIES):
            answer = await ask(self._client, f"CONSUMER.CREATE.{self._stream}.{self._consumer}", request)
            if not isinstance(answer, ApiError):
                return
            if answer.err_code != _EXISTS:
                raise refused(answer)
            if await self._last_sequence() == last:
                return  # nothing has come since, so the operator's consumer misses nothing
            await find(self._client, f"CONSUMER.DELETE.{self._stream}.{self._consumer}")
        raise Unavailable("NATSConflict", f"consumer {self._consumer} is made again and again by somebody else")

    async def _last_sequence(self) -> int:
        info = await find(self._client, f"STREAM.INFO.{self._stream}")
        if info is None:
            raise Unavailable("NATSRefused", f"stream {self._stream} was removed meanwhile")
        return int(info["state"]["last_seq"])

    async def _info(self, consumer: str) -> dict[str, Any] | None:
        return await find(self._client, f"CONSUMER.INFO.{self._stream}.{consumer}")

    def _sweeper(self, config: Mapping[str, Any]) -> Sweeper:
        api = JetStreamApi(self._client)
        return Sweeper(api, streams=Streams(api, settings=StreamSettings(install_id=_install_id(config))))


def _install_id(config: Mapping[str, Any]) -> str:
    return own_metadata(config).get(names.METADATA_INSTALL_ID, "")


def _waiting(info: Mapping[str, Any] | None) -> int:
    return info["num_pending"] + info["num_ack_pending"] if info else 0
