"""The main job: publish 100 events to a healthy, a flaky and a broken endpoint, and count what became of them.

Usage: python -m hack.demo standalone | kubernetes
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from hack.demo_count import Tally, read_records
from hack.demo_installation import Installation, kubernetes, standalone
from hack.demo_receivers import Quickstart, read_quickstart, receivers
from jethook_contract.cloudevents import parse_structured
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect
from jethook_contract.names import deadletters_stream

EVENTS = 100
_DEADLINE_SECONDS = 60.0
_STATUS_DEADLINE_SECONDS = 25.0
_BAR = 24


def main() -> int:
    """Run the demo that the first argument names; 0 when all is well."""
    kinds = {"standalone": standalone, "kubernetes": kubernetes}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        print(__doc__, file=sys.stderr)
        return 2
    quickstart = read_quickstart()
    with tempfile.TemporaryDirectory(prefix="jethook-demo-") as name:
        folder = Path(name)
        print("[1/4] tools ........ ready", flush=True)
        with receivers(quickstart, folder) as files, kinds[sys.argv[1]](folder) as installation:
            return asyncio.run(_run(installation, quickstart, files))


async def _run(installation: Installation, quickstart: Quickstart, files: list[Path]) -> int:
    await _until_ready(installation, quickstart)
    print(
        f"[2/4] {installation.title}  ({installation.where}, {len(quickstart.endpoints)} endpoints, "
        f"{len(quickstart.subscriptions)} subscriptions)",
        flush=True,
    )
    installation.show("before")
    published = await _publish(installation)
    print("[4/4] waiting for the last retry", flush=True)
    tally = await _settled(installation, quickstart, files, published)
    _await_counters(installation, tally)
    installation.show("after")
    _print_sample(files)
    print(f" Look further: {installation.look_further}")
    print(tally.line(), flush=True)
    return 0 if tally.sound else 1


def _all_ready(installation: Installation, quickstart: Quickstart) -> bool:
    objects = [*installation.objects("subscriptions"), *installation.objects("endpoints")]
    conditions = [obj.get("status", {}).get("conditions", []) for obj in objects]
    ready = sum(any(c["type"] == "Ready" and c["status"] == "True" for c in one) for one in conditions)
    return ready == len(quickstart.subscriptions) + len(quickstart.endpoints)


async def _publish(installation: Installation) -> list[str]:
    ids = await asyncio.to_thread(installation.publish, "com.example.order.created", EVENTS)
    print(f"[3/4] publishing {EVENTS} events  {'#' * (_BAR * len(ids) // EVENTS)}  {len(ids)}/{EVENTS}", flush=True)
    return ids


async def _settled(
    installation: Installation, quickstart: Quickstart, files: list[Path], published: list[str]
) -> Tally:
    """Wait until every expected pair has an end, or the time is up; then count."""
    expected = frozenset((event, subscription) for event in published for subscription in quickstart.subscriptions)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        record = read_records(files)
        tally = Tally(
            published=len(published),
            expected=expected,
            delivered=frozenset(record.delivered),
            dead_lettered=frozenset(await _dead_letters(installation.nats_url)),
            unverified=record.unverified,
        )
        if not tally.lost or time.monotonic() > deadline:
            return tally
        await asyncio.sleep(0.5)


async def _dead_letters(url: str) -> set[tuple[str, str]]:
    """Read the dead-letter stream: event id from the message, Subscription from its subject."""
    client = await connect(ConnectionSettings(servers=(url,), name="demo"), hooks=ConnectionHooks())
    try:
        js = client.jetstream()
        state = (await js.stream_info(deadletters_stream("default"))).state
        pairs = set()
        for sequence in range(max(1, state.first_seq), state.last_seq + 1):
            message = await js.get_msg(deadletters_stream("default"), sequence)
            _, _, namespace, subscription = (message.subject or "").split(".")
            pairs.add((parse_structured(message.data or b"").id, f"{namespace}/{subscription}"))
        return pairs
    finally:
        await client.close()


def _await_counters(installation: Installation, tally: Tally) -> None:
    """Give the dispatchers the time that they take to write their counters (at most every 15 s an object)."""
    deadline = time.monotonic() + _STATUS_DEADLINE_SECONDS
    while time.monotonic() < deadline:
        delivery = [obj.get("status", {}).get("delivery", {}) for obj in installation.objects("endpoints")]
        seen = sum(d.get("delivered", 0) + d.get("deadLettered", 0) for d in delivery)
        if seen >= len(tally.delivered) + len(tally.dead_lettered):
            return
        time.sleep(0.5)


def _print_sample(files: list[Path]) -> None:
    sample = read_records(files).sample
    if sample is None:
        return
    verified = "verified" if sample["verified"] else "NOT verified"
    print(
        f" One delivery as the receiver saw it:  webhook-id: {sample['webhook_id']}  webhook-timestamp: "
        f"{sample['webhook_timestamp']}  webhook-signature: {sample['webhook_signature']}  ({verified})"
    )


async def _until_ready(installation: Installation, quickstart: Quickstart) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not await asyncio.to_thread(_all_ready, installation, quickstart):
        if ended := installation.ended():
            raise SystemExit(f"demo: a process ended by itself; it said:\n{ended}")
        if time.monotonic() > deadline:
            raise SystemExit(f"demo: after {_DEADLINE_SECONDS:.0f} s not everything is Ready")
        await asyncio.sleep(0.3)


if __name__ == "__main__":
    raise SystemExit(main())
