"""Read the body of a request within bounds of size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from jethook_contract.errors import Invalid


async def read_body(request: Request, *, max_bytes: int, seconds: float) -> bytes:
    """Give the body; raises Invalid `BodyTooLarge`, before it is read when its length is told, or `SlowBody`."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > max_bytes:
        raise _too_large(max_bytes)
    pieces, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                pieces.append(piece)
    except TimeoutError as exc:
        raise Invalid("SlowBody", f"the body did not arrive within {seconds:g} s; send it at once") from exc
    except ClientDisconnect as exc:
        raise Invalid("Disconnected", "the client went away in the middle of its body") from exc
    return b"".join(pieces)


def _too_large(max_bytes: int) -> Invalid:
    return Invalid("BodyTooLarge", f"the body has more than {max_bytes} bytes; send less, or the address of the data")
