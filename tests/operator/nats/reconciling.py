"""What tests of a reconcile do and look at, on a real nats-server."""

from nats.aio.client import Client

from jethook_contract import names
from jethook_contract.plan import PlanPart
from jethook_contract.subjects import events_subject
from jethook_operator.core.resources import Key
from jethook_operator.shell.reconciler import Reconciler
from jethook_operator.shell.streams import StreamSettings

STREAM = "JETHOOK_EVENTS_shop"
SIGNED = {"signing": [{"scheme": "StandardWebhooks", "secretRef": {"name": "signing"}}]}
SETTINGS = StreamSettings(
    install_id="test",
    events_max_bytes=64 * 1024 * 1024,
    deadletters_max_bytes=8 * 1024 * 1024,
    attempts_max_bytes=8 * 1024 * 1024,
    orphan_grace_seconds=3600,
)


async def part_of(client: Client, *, pool: str = "default", key: str = "shop.orders.all") -> PlanPart:
    bucket = await client.jetstream().key_value(names.plan_bucket(pool))
    return PlanPart.decode((await bucket.get(key)).value or b"")


async def keys_of(client: Client, pool: str = "default") -> set[str]:
    return set(await (await client.jetstream().key_value(names.plan_bucket(pool))).keys())


async def publish(client: Client, event_type: str, count: int = 1, *, body: bytes = b"{}") -> None:
    for _ in range(count):
        await client.jetstream().publish(events_subject("shop", event_type), body)


async def fetched(client: Client, consumer: str = "sub_all", count: int = 100) -> list[str]:
    """Fetch and acknowledge what the consumer gives now; the subjects."""
    pull = await client.jetstream().pull_subscribe_bind(consumer, stream=STREAM)
    try:
        messages = await pull.fetch(count, timeout=0.5)
    except TimeoutError:
        messages = []
    for message in messages:
        await message.ack_sync()
    await pull.unsubscribe()
    return [message.subject.removeprefix("jethook.events.shop.") for message in messages]


async def writes(client: Client) -> dict[str, int]:
    """Give the last sequence of every stream, the buckets included: only a write changes one."""
    js = client.jetstream()
    return {info.config.name or "": info.state.last_seq for info in await js.streams_info()}


async def settle(reconciler: Reconciler, *keys: Key) -> None:
    for key in keys:
        await reconciler.reconcile(key)
