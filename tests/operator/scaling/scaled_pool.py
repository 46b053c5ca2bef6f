"""One pool whose objects are reconciled for real, and its scaling loop."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from jethook_contract.sealing import KeyRing
from jethook_contract.subjects import events_subject
from jethook_operator.core.resources import Key
from jethook_operator.core.scaling import PoolLoad, ScalingDecision
from jethook_operator.shell.pool_scaling import PoolScaling
from jethook_operator.shell.reconciler import Reconciler
from tests.dispatcher.lanes.world import event
from tests.fakes.surroundings import OPERATOR_NAMESPACE, World, document, endpoint, subscription
from tests.operator.nats.reconciling import SETTINGS, settle

POOL_KEY = Key("DispatcherPool", OPERATOR_NAMESPACE, "default")


class ScaledPool:
    """Lay endpoints with a Subscription of the same name each; `scaling` decides, `loads` shows what it sees."""

    def __init__(self, client: Client, *, keys_file: Path) -> None:
        self.client = client
        self.keys_file = keys_file
        self.world = World()
        self.world.sync()
        text = KeyRing.generate()
        keys_file.write_text(text.get_secret_value())
        self.world.ring = KeyRing(text)
        self.reconciler = Reconciler(client, settings=SETTINGS, surroundings=self.world.surroundings())
        self.loads = self.reconciler.pool_loads
        self.scaling = PoolScaling(
            self.loads,
            reader=self.world.store,
            namespace=OPERATOR_NAMESPACE,
            enqueue=self.world.enqueued.append,
            look_seconds=0.5,
        )
        self.published = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def lay(self, urls: dict[str, str], *, pool: dict[str, Any] | None = None, **spec: Any) -> None:
        """Have the pool and these endpoints, with this spec."""
        egress = {"allowedCIDRs": ["127.0.0.0/8"]}
        self.world.put(document("DispatcherPool", "default", {"egress": egress, **(pool or {})}))
        await settle(self.reconciler, POOL_KEY)
        for name, url in urls.items():
            self.world.put(endpoint(name, **{"url": url, **spec}), subscription(name, f"com.{name}", to=name))
            await settle(self.reconciler, Key("WebhookEndpoint", "shop", name), Key("Subscription", "shop", name))

    async def suspend(self, name: str) -> None:
        """Suspend the Subscription of an endpoint."""
        self.world.put(subscription(name, f"com.{name}", to=name, suspend=True))
        await settle(self.reconciler, Key("Subscription", "shop", name))

    async def publish(self, name: str, count: int) -> None:
        """Publish events for one endpoint."""
        jetstream = self.client.jetstream()
        subject = events_subject("shop", f"com.{name}")
        for start in range(0, count, 100):
            ids = range(self.published, self.published + min(100, count - start))
            bodies = [event(f"{number}", event_type=f"com.{name}") for number in ids]
            await asyncio.gather(*(jetstream.publish(subject, body) for body in bodies))
            self.published += len(bodies)

    def publish_on(self, names: list[str], *, each_second: int) -> None:
        """Go on publishing until the test ends."""

        async def go_on() -> None:
            while True:
                for name in names:
                    await self.publish(name, max(1, each_second // len(names) // 10))
                await asyncio.sleep(0.1)

        self._tasks.append(asyncio.create_task(go_on()))

    def scale(self, current: int | None) -> ScalingDecision:
        """Begin to decide, as the reconciler of the pool does, and let the loop run."""
        decision = self.scaling.desired("default", current=current)
        assert decision is not None
        self._tasks.append(asyncio.create_task(self.scaling.run()))
        return decision

    def desired(self) -> ScalingDecision:
        decision = self.scaling.desired("default", current=None)
        assert decision is not None
        return decision

    async def load(self) -> PoolLoad:
        """Look once."""
        await self.loads.look()
        return await self.loads.of("default", target_percent=60)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
