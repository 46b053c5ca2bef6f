"""The consumers of the events streams as figures, for all pools at once, with as few requests as will do.

One list of the streams tells where nothing happened: a stream that holds no message and got none since the look before
(interest retention frees what all have) needs no look at its consumers. Of the others all consumers are listed, 256 an
answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jethook_contract.names import EVENTS_STREAM_PREFIX
from jethook_contract.subjects import EVENTS_PREFIX
from jethook_operator.core.scaling_load import ConsumerFigures
from jethook_operator.shell.jetstream import JetStreamApi

Figures = Mapping[str, ConsumerFigures]
"""By name of the consumer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLook:
    """One look at a stream, at `at` in monotonic seconds: its last sequence, and its consumers `now` and `before`.

    `before` is empty at the first look; `seconds` have passed since then.
    """

    at: float
    last_sequence: int
    now: Figures = field(default_factory=dict)
    before: Figures = field(default_factory=dict)
    seconds: float = 0.0


class ConsumerLooks:
    """Look at the streams that are asked for; `listed` counts the consumers that answers held, of all time."""

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api
        self._looks: dict[str, StreamLook] = {}
        self.listed = 0

    def forget(self) -> None:
        """Begin anew, as if nothing had been seen."""
        self._looks.clear()

    async def look(self, streams: Iterable[str]) -> Mapping[str, StreamLook]:
        """Look at these streams, and forget all others; those that do not exist are left out.

        Raises Unavailable when NATS does not answer.
        """
        wanted = set(streams)
        states = await self._states() if wanted else {}
        looks: dict[str, StreamLook] = {}
        for name in sorted(wanted & states.keys()):
            looks[name] = await self._look(name, state=states[name])
        self._looks = looks
        return looks

    async def _states(self) -> dict[str, dict[str, Any]]:
        """List what the events streams hold."""
        states: dict[str, dict[str, Any]] = {}
        while True:
            question = {"subject": f"{EVENTS_PREFIX}>", "offset": len(states)}
            page = await self._api.request("STREAM.LIST", question)
            found = {item["config"]["name"]: item["state"] for item in page.get("streams") or ()}
            states |= found
            if not found or len(states) >= page["total"]:
                return {name: state for name, state in states.items() if name.startswith(EVENTS_STREAM_PREFIX)}

    async def _look(self, stream: str, *, state: dict[str, Any]) -> StreamLook:
        before = self._looks.get(stream)
        quiet = not state["messages"] and before is not None and before.last_sequence == state["last_seq"]
        at = time.monotonic()
        if before is not None and quiet and not any(one.pending or one.unacknowledged for one in before.now.values()):
            return StreamLook(
                at=at, last_sequence=before.last_sequence, now=before.now, before=before.now, seconds=at - before.at
            )
        figures = await self._figures(stream)
        if before is None:
            return StreamLook(at=at, last_sequence=state["last_seq"], now=figures)
        return StreamLook(
            at=at, last_sequence=state["last_seq"], now=figures, before=before.now, seconds=at - before.at
        )

    async def _figures(self, stream: str) -> dict[str, ConsumerFigures]:
        figures: dict[str, ConsumerFigures] = {}
        offset = 0
        while True:
            page = await self._api.find(f"CONSUMER.LIST.{stream}", {"offset": offset})
            consumers = (page.get("consumers") or ()) if page is not None else ()
            figures.update((info["name"], _figures_of(info)) for info in consumers)
            offset += len(consumers)
            self.listed += len(consumers)
            if page is None or not consumers or offset >= page["total"]:
                return figures
            await asyncio.sleep(0)


def _figures_of(info: dict[str, Any]) -> ConsumerFigures:
    return ConsumerFigures(
        pending=info["num_pending"],
        unacknowledged=info["num_ack_pending"],
        max_unacknowledged=info["config"].get("max_ack_pending") or 20_000,
        handed_out=info["delivered"]["consumer_seq"],
        stream_sequence=info["delivered"]["stream_seq"],
    )
