"""Put away what the streams of a gone namespace hold, so that its namesake begins with nothing of it.

Carries out `core.retirement` step by step; a process that ends in between is followed by one that goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from jethook_contract import names
from jethook_contract.errors import Bug, Invalid, Unavailable
from jethook_operator.core.retirement import Copy, OldStream, Source, Step, decide_retirement, room_for
from jethook_operator.shell.jetstream import JetStreamApi, Json, own_metadata
from jethook_operator.shell.streams import Streams, StreamSettings

SUBJECTS_PREFIX = "jethook.retired."  # no user is given a right to publish there
_MAX_STEPS = 12
_log = structlog.get_logger(__name__)


class Retirement:
    """Retire the streams of namespaces whose UID is another now."""

    def __init__(
        self, api: JetStreamApi, *, streams: Streams, settings: StreamSettings, now: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._now = now
        self._streams = streams
        self._settings = settings

    async def carry_on(self, namespace: str, *, uid: str) -> None:
        """Retire what belongs to another namespace than the one with this UID, one UID after the other.

        Raises Unavailable `RetiringEvents` while NATS copies (40,000 events a second), `NoQuota` without room for it.
        """
        for _ in range(_MAX_STEPS):
            found = await self._old(namespace, uid=uid)
            if not found:
                return
            former = own_metadata(found[0]["config"])[names.METADATA_NAMESPACE_UID]
            mine = [one for one in found if own_metadata(one["config"])[names.METADATA_NAMESPACE_UID] == former]
            await self._step(namespace, former=former, found=mine)
        raise Bug("EndlessRetirement", f"the streams of namespace {namespace} are not retired after {_MAX_STEPS} steps")

    async def _step(self, namespace: str, *, former: str, found: list[Json]) -> None:
        name = names.retired_stream(namespace, former)
        old = tuple(_old_stream(one) for one in found)
        copy = await self._api.find(f"STREAM.INFO.{name}")
        if copy is not None and not self._streams.owns(copy["config"]):
            raise Invalid("OtherInstall", f"stream {name} is not this installation's and is not touched; remove it")
        step = decide_retirement(old, copy=None if copy is None else _copy(copy))
        if step == "Wait":
            raise Unavailable(
                "RetiringEvents",
                f"the events of the namespace that was called {namespace} before are being put away; this takes a"
                " moment, then streams of its own are made",
            )
        _log.info("streams_retired", step=step, namespace=namespace, uid=former, stream=name)
        await self._carry_out(step, found=found, copy=copy, config=self._copy_config(namespace, former, old=old))

    async def _carry_out(self, step: Step, *, found: list[Json], copy: Json | None, config: dict[str, Any]) -> None:
        if step == "Close":
            for one in found:
                closed = {"subjects": [_closed_subject(one["config"]["name"])]}
                await self._api.request(f"STREAM.UPDATE.{one['config']['name']}", one["config"] | closed)
        elif step == "Copy":
            await self._api.request(f"STREAM.CREATE.{config['name']}", config)
        elif step == "Detach" and copy is not None:
            kept = {key: value for key, value in copy["config"].items() if key != "sources"}
            kept["subjects"] = [_closed_subject(config["name"])]  # without one, the server would take the bare name
            await self._api.request(f"STREAM.UPDATE.{config['name']}", kept)
        elif step == "Delete":
            for one in found:
                await self._api.find(f"STREAM.DELETE.{one['config']['name']}")

    async def _old(self, namespace: str, *, uid: str) -> list[Json]:
        """Find the streams of the namespace that are ours and name another UID."""
        found: list[Json] = []
        for name in (names.events_stream(namespace), names.deadletters_stream(namespace)):
            info = await self._api.find(f"STREAM.INFO.{name}")
            if info is not None and self._streams.owns(info["config"]):
                known = own_metadata(info["config"]).get(names.METADATA_NAMESPACE_UID, "")
                if known and known != uid:
                    found.append(info)
        return found

    def _copy_config(self, namespace: str, former: str, *, old: tuple[OldStream, ...]) -> dict[str, Any]:
        return {
            "name": names.retired_stream(namespace, former),
            "sources": [{"name": one.name} for one in old if one.messages],
            "storage": "file",
            "num_replicas": self._settings.replicas,
            "retention": "limits",
            "discard": "new",
            "max_bytes": room_for(old),
            "metadata": {
                names.METADATA_INSTALL_ID: self._settings.install_id,
                names.METADATA_NAMESPACE_UID: former,
                names.METADATA_ORPHANED_AT: self._now().isoformat(),
            },
        }


def _old_stream(info: Json) -> OldStream:
    config, state = info["config"], info["state"]
    closed = config["subjects"] == [_closed_subject(config["name"])]
    return OldStream(name=config["name"], closed=closed, messages=state["messages"], bytes=state["bytes"])


def _copy(info: Json) -> Copy:
    sources = tuple(
        Source(name=one["name"], lag=one.get("lag", 0), active=one.get("active", -1) >= 0)
        for one in info.get("sources") or []
    )
    return Copy(messages=info["state"]["messages"], sources=sources)


def _closed_subject(stream: str) -> str:
    return f"{SUBJECTS_PREFIX}{stream}"
