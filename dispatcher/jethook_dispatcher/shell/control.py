"""Answer what is asked of the owner of a Subscription, over plain NATS requests (`contract/control.py`)."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from jethook_contract.control import ControlAnswer, ControlRequest, control_subjects, control_target
from jethook_contract.errors import Invalid

_log = structlog.get_logger(__name__)

Skip = Callable[[str, str, str], ControlAnswer | None]


async def serve_control(client: Client, *, pool: str, skip: Skip) -> None:
    """Listen for as long as the connection lives; whoever does not own the Subscription says nothing."""

    async def on_request(message: Msg) -> None:
        try:
            namespace, subscription = control_target(message.subject)
            request = ControlRequest.decode(message.data)
        except Invalid as exc:
            _log.warning("control request refused", reason=exc.reason)
            return
        answer = skip(namespace, subscription, request.key)
        if answer is not None and message.reply:
            _log.info("control request", subscription=subscription, action=request.action, reason=answer.reason)
            await client.publish(message.reply, answer.encode())

    await client.subscribe(control_subjects(pool), cb=on_request)
