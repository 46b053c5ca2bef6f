"""Gather what pools have to do: their members, what waits for their Subscriptions, and what holds endpoints back.

A round looks at the consumers once for all pools; `of` then adds up one pool. What belongs to a pool is what its plan
holds as Active, which is what its dispatchers serve.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from jethook_contract.members import shard_of
from jethook_contract.plan import PlanPart
from jethook_operator.core.scaling import PoolLoad
from jethook_operator.core.scaling_load import EndpointLook, Standing, load_of
from jethook_operator.shell.jetstream import JetStreamApi
from jethook_operator.shell.plans import Plans
from jethook_operator.shell.pool_load_consumers import ConsumerLooks, StreamLook
from jethook_operator.shell.pool_load_members import PoolMembers
from jethook_operator.shell.pool_load_reports import PoolReports

MAX_REPORTS = 256  # of the endpoints with the most waiting; what waits for the others counts as gated


class PoolLoads:
    """Look in rounds. Every method that asks NATS raises Unavailable when it does not answer."""

    def __init__(self, api: JetStreamApi, *, plans: Plans) -> None:
        self._api = api
        self._plans = plans
        self._consumers = ConsumerLooks(api)
        self._members: dict[str, PoolMembers] = {}
        self._reports: dict[str, PoolReports] = {}
        self._parts: Mapping[str, Sequence[PlanPart]] = {}
        self._looks: Mapping[str, StreamLook] = {}

    @property
    def consumers_listed(self) -> int:
        """Count the consumers that NATS was made to list, of all time."""
        return self._consumers.listed

    def forget(self) -> None:
        """Begin anew: NATS may have lost what it had."""
        self._consumers.forget()
        self._members.clear()
        self._reports.clear()

    async def look(self) -> None:
        """Begin a round: look at the consumers that any pool's plan names."""
        await self._plans.load()
        parts: defaultdict[str, list[PlanPart]] = defaultdict(list)
        for observed in self._plans.all():
            if observed.part.state == "Active":
                parts[observed.place.pool].append(observed.part)
        self._parts = parts
        self._looks = await self._consumers.look({part.stream for pool in parts.values() for part in pool})

    async def of(self, pool: str, *, target_percent: int) -> PoolLoad:
        """Add up a pool as the round saw it, with its members and reports of this moment."""
        now = time.monotonic()
        parts = self._parts.get(pool, ())
        live = await self._of_members(pool).live(now=now)
        looks, backlogs = self._endpoints(parts)
        standings = await self._of_reports(pool).standings(backlogs, now=now)
        return load_of(
            looks,
            standings=standings,
            owner_percents=await self._owner_percents(pool, looks=looks, standings=standings, live=live),
            members=live.values(),
            target_percent=target_percent,
            seconds=max((self._looks[part.stream].seconds for part in parts if part.stream in self._looks), default=0),
        )

    def _endpoints(self, parts: Sequence[PlanPart]) -> tuple[dict[str, EndpointLook], dict[str, PlanPart]]:
        """Give all endpoints with work, and a part of each of those with the most waiting."""
        looks: dict[str, EndpointLook] = {}
        named: dict[str, PlanPart] = {}
        for part in parts:
            stream = self._looks.get(part.stream)
            figures = stream.now.get(part.consumer) if stream is not None else None
            if stream is None or figures is None:
                continue
            before = stream.before.get(part.consumer)
            if before == figures and not figures.pending and not figures.unacknowledged:
                continue
            name = f"{part.namespace}/{part.endpoint.name}"
            look = looks.get(name) or EndpointLook(shard=shard_of(part.namespace, part.endpoint.name))
            looks[name] = look.with_consumer(figures, before=before)
            named[name] = part
        waiting = sorted((name for name in looks if looks[name].waiting), key=lambda name: -looks[name].waiting)
        return looks, {name: named[name] for name in waiting[:MAX_REPORTS]}

    async def _owner_percents(
        self,
        pool: str,
        *,
        looks: Mapping[str, EndpointLook],
        standings: Mapping[str, Standing],
        live: Mapping[str, int],
    ) -> dict[int, int]:
        """Give the utilisation of the owners that matter: those of endpoints at `maxInFlight`."""
        shards = {looks[name].shard for name, standing in standings.items() if standing.all_in_flight}
        owners = await self._of_members(pool).owners(sorted(shards))
        return {shard: live[member] for shard, member in owners.items() if member in live}

    def _of_members(self, pool: str) -> PoolMembers:
        if pool not in self._members:
            self._members[pool] = PoolMembers(self._api.client, pool=pool)
        return self._members[pool]

    def _of_reports(self, pool: str) -> PoolReports:
        if pool not in self._reports:
            self._reports[pool] = PoolReports(self._api, pool=pool)
        return self._reports[pool]
