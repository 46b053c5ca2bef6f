"""What the owners of a pool's endpoints report of them: whether a backlog waits for its endpoint.

Reports are written each 15 s at least, while something happens: what holds a backlog is not known until it is older.
A report is a moment's, too, and a limit that is reached shows in most of them: one that held lately holds for a minute
more, while the backlog stands.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

from jethook_contract.errors import Invalid
from jethook_contract.names import status_bucket
from jethook_contract.plan import PlanPart
from jethook_contract.status import StatusRecord, status_key
from jethook_operator.core.scaling_load import GATE_LASTS_SECONDS, Report, Standing
from jethook_operator.shell.buckets import bucket_stream
from jethook_operator.shell.jetstream import JetStreamApi

REPORTED_SECONDS = 20.0
_AT_ONCE = 16


class PoolReports:
    """Read the reports of one pool's endpoints; remember which were held back lately, and how old backlogs are."""

    def __init__(self, api: JetStreamApi, *, pool: str) -> None:
        self._api = api
        self._bucket = status_bucket(pool)
        self._gated_at: dict[str, float] = {}
        self._since: dict[str, float] = {}

    async def standings(self, endpoints: Mapping[str, PlanPart], *, now: float) -> Mapping[str, Standing]:
        """Say how these endpoints, which have a backlog, stand, where that is known; each is named by one of its parts.

        All others are forgotten. `now` in monotonic seconds. Raises Unavailable when NATS does not answer.
        """
        slots = asyncio.Semaphore(_AT_ONCE)

        async def read(part: PlanPart) -> Report | None:
            async with slots:
                return await self._report(part)

        found = await asyncio.gather(*map(read, endpoints.values()))
        reports = {name: report for name, report in zip(endpoints, found, strict=True) if report is not None}
        self._since = {name: self._since.get(name, now) for name in endpoints}
        gated_at = {name: at for name, at in self._gated_at.items() if name in endpoints}
        self._gated_at = gated_at | {name: now for name, report in reports.items() if report.gates}
        return {
            name: Standing(
                gated=now - self._gated_at.get(name, float("-inf")) < GATE_LASTS_SECONDS,
                all_in_flight=report.limited_by == "MaxInFlight",
            )
            for name, report in reports.items()
            if report.gates or now - self._since[name] >= REPORTED_SECONDS
        }

    async def _report(self, part: PlanPart) -> Report | None:
        key = status_key("WebhookEndpoint", part.namespace, part.endpoint.name)
        question = {"last_by_subj": f"$KV.{self._bucket}.{key}"}
        found = await self._api.find(f"STREAM.MSG.GET.{bucket_stream(self._bucket)}", question)
        if found is None:
            return None
        try:
            record = StatusRecord.decode(base64.b64decode(found["message"].get("data", "")))
        except Invalid:
            return None  # a mark of a removal, or of another version
        if record.uid != part.endpoint.uid:
            return None  # of a namesake that is gone
        return Report(state=record.delivery.state, limited_by=record.delivery.limited_by)
