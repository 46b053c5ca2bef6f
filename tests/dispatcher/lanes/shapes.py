"""What the tests of the engine share: receivers that look into what they get, and the status of an endpoint."""

import json
from collections.abc import Callable

from aiohttp import web
from nats.js.errors import KeyNotFoundError

from jethook_contract import names
from jethook_contract.status import StatusRecord, status_key
from tests.dispatcher.lanes.world import NAMESPACE, World
from tests.fixtures.behaviours import Behaviour, Received
from tests.fixtures.receivers import Receiver


def events_in(received: Received) -> list[dict[str, object]]:
    """Give the events of a request, be it one or a batch."""
    body = json.loads(received.body)
    return body if isinstance(body, list) else [body]


def ids_in(receiver: Receiver) -> list[list[str]]:
    """Give the ids of each request's events."""
    return [[str(event["id"]) for event in events_in(received)] for received in receiver.requests]


def refusing(refused: Callable[[dict[str, object]], bool], *, status: int = 500) -> Behaviour:
    """Refuse a request that holds such an event, accept any other."""

    async def behave(request: web.Request, received: Received) -> web.StreamResponse:
        return web.Response(status=status if any(map(refused, events_in(received))) else 200)

    return behave


async def endpoint_status(world: World, *, name: str = "orders") -> StatusRecord | None:
    """Read what is stored of an endpoint; None before the first report."""
    bucket = await world.js.key_value(names.status_bucket("default"))
    try:
        entry = await bucket.get(status_key("WebhookEndpoint", NAMESPACE, name))
    except KeyNotFoundError:
        return None
    return StatusRecord.decode(entry.value or b"")
