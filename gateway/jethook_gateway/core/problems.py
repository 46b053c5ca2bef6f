"""Answers that say what is wrong, as problem details. Source: RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jethook_contract.errors import Bug, Invalid, JethookError, Waiting

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 2

_STATUS: Mapping[str, int] = {
    "Unauthenticated": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "NoStream": 404,
    "MethodNotAllowed": 405,
    "SlowBody": 408,
    "BodyTooLarge": 413,
    "EventTooLarge": 413,
    "BatchTooLarge": 413,
    "TooManyEvents": 413,
    "UnknownContentType": 415,
    "TooManyRequests": 429,
    "StreamFull": 503,
    "NATSUnreachable": 503,
    "Refused": 503,
}
_TITLES: Mapping[int, str] = {
    400: "Bad request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Request time-out",
    413: "Too large",
    415: "Unsupported media type",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One answer: `reason` is stable and CamelCase, `retry_after_seconds` None where trying again does not help."""

    status: int
    reason: str
    detail: str
    retry_after_seconds: int | None = None

    def document(self) -> dict[str, object]:
        """Give the members of the body; the type is a relative reference that `docs/gateway.md` lists."""
        return {
            "type": f"/problems/{self.reason}",
            "title": _TITLES[self.status],
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
        }


def problem_of(error: JethookError) -> Problem:
    """Map an error to its answer; a Bug tells nothing of itself."""
    if isinstance(error, Bug):
        return Problem(status=500, reason="Internal", detail="the gateway contradicts itself; its log says where")
    status = _STATUS.get(error.reason, 400 if isinstance(error, Invalid) else 503)
    retry = RETRY_SECONDS if status == 503 or isinstance(error, Waiting) else None  # noqa: PLR2004 -- HTTP's number
    return Problem(status=status, reason=error.reason, detail=error.message, retry_after_seconds=retry)
