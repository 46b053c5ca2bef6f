"""The JetStream API as JSON requests: the operator's only way to streams and consumers.

Requests are written by hand since the create and update *actions* matter (a create must not change what another
installation owns), which nats-py does not send. Errors become Unavailable with a reason, here and nowhere else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import nats.errors
from nats.aio.client import Client

from jethook_contract.errors import Bug, JethookError, Unavailable

Json = Mapping[str, Any]

NANOSECONDS = 1_000_000_000
_TIMEOUT_SECONDS = 10.0
_NO_ROOM = frozenset({10047, 10023, 10028})  # insufficient storage, resources, account limit
_ALREADY_THERE = frozenset({10058, 10148})  # a stream, a consumer of this name with another configuration
_BAD_REQUEST = range(400, 404)


class JetStreamApi:
    """Send requests to `$JS.API`; `requests` counts them by operation and result.

    `fence` is asked before each, and by whoever writes beside this API; it raises when this process must not work.
    """

    def __init__(self, client: Client, *, fence: Callable[[], None] = lambda: None) -> None:
        self.requests: Counter[tuple[str, ...]] = Counter()
        self.fence = fence
        self._client = client

    @property
    def client(self) -> Client:
        """Give the connection, for what is no API request."""
        return self._client

    async def request(self, subject: str, payload: Json | None = None) -> dict[str, Any]:
        """Give the answer; raises Unavailable (`NATSUnreachable`, `NoQuota`, `NATSRefused`)."""
        found = await self.find(subject, payload)
        if found is None:
            raise Unavailable("NATSRefused", f"NATS knows nothing of {subject.removeprefix('STREAM.')}; trying again")
        return found

    async def find(self, subject: str, payload: Json | None = None) -> dict[str, Any] | None:
        """Give the answer, or None when what is asked for does not exist (404)."""
        self.fence()
        if not self._client.is_connected:
            raise unreachable()
        data = json.dumps(payload).encode() if payload is not None else b""
        try:
            message = await self._client.request(f"$JS.API.{subject}", data, timeout=_TIMEOUT_SECONDS)
        except (nats.errors.Error, TimeoutError, OSError) as exc:
            self.requests[_operation(subject), "error"] += 1
            raise unreachable() from exc
        answer: dict[str, Any] = json.loads(message.data)
        error = answer.get("error")
        missing = error is not None and error.get("code") == 404  # noqa: PLR2004 -- HTTP's code, as the API gives it
        self.requests[_operation(subject), "ok" if error is None else "not_found" if missing else "error"] += 1
        if error is None:
            return answer
        if missing:
            return None
        raise _error(subject, error)

    async def list_all(self, subject: str, *, field: str) -> list[dict[str, Any]]:
        """Give every item of a paged list; a missing stream has none."""
        items: list[dict[str, Any]] = []
        while True:
            page = await self.find(subject, {"offset": len(items)})
            if page is None or not page.get(field):
                return items
            items.extend(page[field])
            if len(items) >= page["total"]:
                return items


def _operation(subject: str) -> str:
    """Name what a request does, without the stream or consumer that it names: `CONSUMER.CREATE`."""
    return ".".join(subject.split(".")[:2])


def unreachable() -> Unavailable:
    """Make the error of a NATS that does not answer."""
    return Unavailable("NATSUnreachable", "NATS does not answer; trying again")


def own_metadata(config: Json) -> dict[str, str]:
    """Give the metadata of a stream or consumer without what the server adds."""
    return {key: value for key, value in (config.get("metadata") or {}).items() if not key.startswith("_nats.")}


def differences(wanted: Json, found: Json) -> list[str]:
    """List the fields of `wanted` that `found` has otherwise; what the server added is no difference."""
    fields = [key for key in wanted if key != "metadata" and wanted[key] != found.get(key)]
    if dict(wanted.get("metadata", {})) != own_metadata(found):
        fields.append("metadata")
    return fields


def _error(subject: str, error: Json) -> JethookError:
    code, text = error.get("err_code", 0), error.get("description", "")
    if code in _NO_ROOM:
        return Unavailable(
            "NoQuota",
            f"NATS has no room left for {subject.rpartition('.')[2]} ({text}); raise its storage or lower the sizes",
        )
    if code in _ALREADY_THERE:
        return Unavailable("NATSConflict", f"{subject}: made by somebody else in this moment ({text}); looking again")
    if error.get("code") in _BAD_REQUEST:
        return Bug("NATSRefused", f"NATS refuses {subject}: {text} (err_code {code})")
    return Unavailable("NATSRefused", f"NATS refuses {subject}: {text} (err_code {code})")
