"""Keep what outlives an endpoint's owner in the bucket `jethook-retries-<pool>`, one record an endpoint."""

from __future__ import annotations

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.gate import GateRecord, gate_key
from jethook_contract.names import retries_bucket


class GateRecords:
    """Load and save gate records; the caller checks that it owns the endpoint."""

    def __init__(self, jetstream: JetStreamContext, *, pool: str) -> None:
        self._jetstream = jetstream
        self._name = retries_bucket(pool)
        self._opened: KeyValue | None = None

    async def load(self, namespace: str, endpoint: str) -> GateRecord | None:
        """Read an endpoint's record; None when there is none that can be read. Raises Unavailable."""
        try:
            entry = await (await self._bucket()).get(gate_key(namespace, endpoint))
            return GateRecord.decode(entry.value or b"")
        except (KeyNotFoundError, Invalid):
            return None  # of another version: the receiver will say again what it said before
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise _unavailable(exc) from exc

    async def save(self, namespace: str, endpoint: str, *, record: GateRecord) -> None:
        """Write it; raises Unavailable."""
        try:
            await (await self._bucket()).put(gate_key(namespace, endpoint), record.encode())
        except (NatsError, JetStreamError, TimeoutError) as exc:
            raise _unavailable(exc) from exc

    async def _bucket(self) -> KeyValue:
        if self._opened is None:
            self._opened = await self._jetstream.key_value(self._name)
        return self._opened


def _unavailable(exc: Exception) -> Unavailable:
    return Unavailable("NATSUnreachable", f"the record of an endpoint's gate is out of reach: {type(exc).__name__}")
