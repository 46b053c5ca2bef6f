"""The HTTP server behind `jethook receiver`: bounded, verifying, recording."""

from __future__ import annotations

import json
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from aiohttp import web
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.verification import verify

_MAX_BODY_BYTES = 2 * 1024 * 1024
_MAX_REMEMBERED = 100_000
_SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """How the receiver listens and answers; no `keys` means that signatures are not checked."""

    host: str
    port: int
    keys: tuple[SecretStr, ...] = ()
    status: int = 200
    fail_first: int = 0
    record: Path | None = None
    quiet: bool = False


class ReceiverServer:
    """Answer deliveries as told and count what came."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self._settings = settings
        self._runner: web.AppRunner | None = None
        self._tries: OrderedDict[str, int] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._record: TextIO | None = None

    async def start(self) -> int:
        """Listen, and give the port."""
        settings = self._settings
        if settings.record is not None:
            self._record = settings.record.open("a", buffering=1)
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.host, settings.port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the listener and the record."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._record is not None:
            self._record.close()

    def summary(self) -> str:
        """Say in one line what came."""
        return "received " + (", ".join(f"{name} {count}" for name, count in sorted(self._counts.items())) or "nothing")

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        fault = self._fault(headers, body)
        status = 401 if fault else self._answer(headers.get("webhook-id", ""))
        self._counts["verified" if not fault and self._settings.keys else fault or "unchecked"] += 1
        self._note(headers, body, status=status, fault=fault)
        return web.Response(status=status, text="" if status < 300 else f"{fault or 'as told'}\n")  # noqa: PLR2004

    def _fault(self, headers: dict[str, str], body: bytes) -> str:
        if not self._settings.keys:
            return ""
        try:
            verify(headers, body, keys=self._settings.keys, now=time.time())
        except Invalid as exc:
            return exc.reason
        return ""

    def _answer(self, webhook_id: str) -> int:
        settings = self._settings
        if not settings.fail_first:
            return settings.status
        tries = self._tries.pop(webhook_id, 0) + 1
        self._tries[webhook_id] = tries
        if len(self._tries) > _MAX_REMEMBERED:
            self._tries.popitem(last=False)
        return 500 if tries <= settings.fail_first else settings.status

    def _note(self, headers: dict[str, str], body: bytes, *, status: int, fault: str) -> None:
        verified = bool(self._settings.keys) and not fault
        if self._record is not None:
            line = {
                "subscription": headers.get("jethook-subscription", ""),
                "event_id": _event_id(headers, body),
                "webhook_id": headers.get("webhook-id", ""),
                "webhook_timestamp": headers.get("webhook-timestamp", ""),
                "webhook_signature": headers.get("webhook-signature", ""),
                "attempt": headers.get("jethook-attempt", ""),
                "verified": verified,
                "fault": fault,
                "status": status,
            }
            self._record.write(json.dumps(line) + "\n")
        if not self._settings.quiet:
            checked = "verified" if verified else fault or "not checked (no --secret)"
            print(f"{status} {headers.get('webhook-id', '-')} {checked} {_shown(body)}", flush=True)


def _event_id(headers: dict[str, str], body: bytes) -> str:
    if "ce-id" in headers:
        return headers["ce-id"]
    try:
        event = json.loads(body)
    except ValueError:
        return ""
    return str(event.get("id", "")) if isinstance(event, dict) else ""


def _shown(body: bytes) -> str:
    text = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text) + ("..." if len(body) > _SHOWN_BYTES else "")
