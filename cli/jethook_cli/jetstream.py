"""The JetStream API as JSON requests, for commands: what nats-py does not send, or reads with a loss."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nats.errors
from nats.aio.client import Client

from jethook_contract.errors import Unavailable

Json = dict[str, Any]

ANSWER_SECONDS = 5.0
_ABSENT = 404
_KV_PREFIX = "KV_jethook-plan-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """What the server refused: `err_code` as in its list of errors, and its words."""

    code: int
    err_code: int
    description: str


async def ask(client: Client, subject: str, payload: Mapping[str, Any] | None = None) -> Json | ApiError:
    """Ask `$JS.API.<subject>`; raises Unavailable `NATSUnreachable`."""
    data = json.dumps(payload).encode() if payload is not None else b""
    try:
        message = await client.request(f"$JS.API.{subject}", data, timeout=ANSWER_SECONDS)
    except (nats.errors.Error, TimeoutError, OSError) as exc:
        raise unreachable(exc) from exc
    answer: Json = json.loads(message.data)
    error = answer.get("error")
    if error is None:
        return answer
    return ApiError(
        code=error.get("code", 0), err_code=error.get("err_code", 0), description=error.get("description", "")
    )


async def find(client: Client, subject: str, payload: Mapping[str, Any] | None = None) -> Json | None:
    """Give the answer, None for what does not exist; raises Unavailable `NATSUnreachable` or `NATSRefused`."""
    answer = await ask(client, subject, payload)
    if not isinstance(answer, ApiError):
        return answer
    if answer.code == _ABSENT:
        return None
    raise refused(answer)


async def has_plan(client: Client, *, namespace: str, subscription: str) -> bool:
    """Tell whether a pool's plan serves the Subscription: it exists, whatever its state.

    A key whose last entry is a delete marker is gone. Raises what `find` raises.
    """
    for stream in await _plan_streams(client, namespace=namespace, subscription=subscription):
        pattern = f"$KV.{stream.removeprefix('KV_')}.{namespace}.*.{subscription}"
        info = await find(client, f"STREAM.INFO.{stream}", {"subjects_filter": pattern})
        for subject in (info or {}).get("state", {}).get("subjects") or {}:
            found = await find(client, f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
            if found is not None and not _is_marker(found["message"]):
                return True
    return False


async def _plan_streams(client: Client, *, namespace: str, subscription: str) -> list[str]:
    found: list[str] = []
    while True:
        request = {"offset": len(found), "subject": f"$KV.*.{namespace}.*.{subscription}"}
        page = await find(client, "STREAM.NAMES", request)
        streams = (page or {}).get("streams") or []
        found += streams
        if page is None or not streams or len(found) >= page["total"]:
            return [name for name in found if name.startswith(_KV_PREFIX)]


def _is_marker(message: Json) -> bool:
    """Tell whether the last entry of a key says that the key was deleted or purged, or has expired."""
    headers = base64.b64decode(message.get("hdrs", "")).lower()
    return b"\r\nkv-operation:" in headers or b"\r\nnats-marker-reason:" in headers


def refused(error: ApiError) -> Unavailable:
    """Make the error of an answer that cannot be acted on."""
    return Unavailable("NATSRefused", f"NATS refuses: {error.description} (err_code {error.err_code})")


def unreachable(exc: BaseException) -> Unavailable:
    """Make the error of a NATS that does not answer."""
    return Unavailable(
        "NATSUnreachable",
        f"NATS did not answer within {ANSWER_SECONDS:.0f} s ({type(exc).__name__}): see that it runs, and that this"
        " user may use the JetStream API",
    )
