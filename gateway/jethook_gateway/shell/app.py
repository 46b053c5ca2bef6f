"""The routes of the gateway, as an ASGI application."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jethook_contract.errors import Invalid, JethookError
from jethook_contract.tracing import TRACEPARENT, parse_trace
from jethook_gateway.core.ingest import Received, max_body_bytes, read_request
from jethook_gateway.core.keys import ApiKey, KeyRing
from jethook_gateway.core.problems import CONTENT_TYPE, Problem, problem_of
from jethook_gateway.core.rate import RateLimits
from jethook_gateway.shell.body import read_body
from jethook_gateway.shell.publisher import Publisher, row_of, store_all

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Gateway:
    """What the routes need. `keys` gives those in force; `now` gives monotonic seconds."""

    keys: Callable[[], KeyRing]
    publish: Publisher
    connected: Callable[[], bool]
    body_seconds: float
    now: Callable[[], float] = time.monotonic
    limits: RateLimits = field(default_factory=RateLimits)

    def application(self) -> Starlette:
        """Make the ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/namespaces/{namespace}/events", self._logged(self._events), methods=["POST"]),
                Route("/livez", _alive, methods=["GET"]),
                Route("/readyz", self._ready, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _http_problem},
        )

    async def _events(self, request: Request, seen: dict[str, Any]) -> Response:
        namespace = request.path_params["namespace"]
        client = self._client(request, namespace=namespace, seen=seen)
        content_type = request.headers.get("content-type")
        body = await read_body(request, max_bytes=max_body_bytes(content_type), seconds=self.body_seconds)
        seen["bytes"] = len(body)
        received = read_request(_headers(request), body, new_id=_new_id)
        seen["events"] = len(received.events)
        self._within_rate(client, tokens=max(1, len(received.events)))
        return await self._stored(received, namespace=namespace)

    def _client(self, request: Request, *, namespace: str, seen: dict[str, Any]) -> ApiKey:
        client = self.keys().client(request.headers.get("authorization"))
        seen["client"] = client.name
        if _NAMESPACE.fullmatch(namespace) is None:
            raise Invalid("NotFound", "the namespace is no DNS label; check the path")
        if not client.may_publish(namespace):
            raise Invalid("Forbidden", f"key {client.name} may not publish into namespace {namespace}")
        return client

    def _within_rate(self, client: ApiKey, *, tokens: int) -> None:
        burst = client.burst or client.requests_per_second
        wait = self.limits.wait_seconds(
            client.name, rate=client.requests_per_second, burst=burst, tokens=tokens, now=self.now()
        )
        if wait > 0:
            raise _TooMany(wait, client=client)

    async def _stored(self, received: Received, *, namespace: str) -> Response:
        results = await store_all(received.events, namespace=namespace, publish=self.publish)
        if received.batched:
            rows = [row_of(event, result) for event, result in zip(received.events, results, strict=True)]
            statuses = {row["status"] for row in rows}
            return _json({"events": rows}, status=statuses.pop() if len(statuses) == 1 else 202 if not rows else 207)
        (result,) = results
        if isinstance(result, JethookError):
            raise result
        return _json(row_of(received.events[0], result), status=202)

    def _logged(
        self, route: Callable[[Request, dict[str, Any]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Answer errors as problems, and write a line for each request."""
        log = _log.bind()  # once: the lazy one looks its settings up at each line

        async def run(request: Request) -> Response:
            begun = self.now()
            seen: dict[str, Any] = {}
            try:
                response = await route(request, seen)
            except JethookError as exc:
                response = _problem(_problem_of(exc))
                seen["reason"] = exc.reason
            except Exception:  # noqa: BLE001 -- the top of a request: the others go on
                _log.exception("request_failed")
                response = _problem(Problem(status=500, reason="Internal", detail="the gateway's log says more"))
            log.info(
                "request",
                method=request.method,
                namespace=request.path_params["namespace"][:63],
                status=response.status_code,
                milliseconds=round((self.now() - begun) * 1000, 1),
                trace=_trace_id(request),
                **seen,
            )
            return response

        return run

    async def _ready(self, _request: Request) -> Response:
        if self.connected():
            return Response("ready\n")
        return Response("not connected to NATS\n", status_code=503)


class _TooMany(Invalid):
    def __init__(self, wait_seconds: float, *, client: ApiKey) -> None:
        super().__init__(
            "TooManyRequests", f"key {client.name} may send {client.requests_per_second} events a second; wait"
        )
        self.wait_seconds = wait_seconds


def _problem_of(error: JethookError) -> Problem:
    problem = problem_of(error)
    if isinstance(error, _TooMany):
        seconds = max(1, -int(-error.wait_seconds // 1))
        return Problem(status=429, reason=problem.reason, detail=problem.detail, retry_after_seconds=seconds)
    return problem


async def _alive(_request: Request) -> Response:
    return Response("alive\n")


async def _http_problem(_request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    if status == 405:  # noqa: PLR2004 -- HTTP's number
        return _problem(Problem(status=405, reason="MethodNotAllowed", detail="this path takes another method"))
    detail = "there is nothing at this path; events go to POST /v1/namespaces/{namespace}/events"
    return _problem(Problem(status=404, reason="NotFound", detail=detail))


def _problem(problem: Problem) -> Response:
    response = Response(orjson.dumps(problem.document()), status_code=problem.status, media_type=CONTENT_TYPE)
    if problem.retry_after_seconds is not None:
        response.headers["retry-after"] = str(problem.retry_after_seconds)
    if problem.status == 401:  # noqa: PLR2004 -- HTTP's number
        response.headers["www-authenticate"] = "Bearer"
    return response


def _json(document: object, *, status: int) -> Response:
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")


def _headers(request: Request) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw}


def _new_id() -> str:
    return str(uuid.uuid4())


def _trace_id(request: Request) -> str | None:
    given = request.headers.get(TRACEPARENT)
    trace = parse_trace(given) if given else None
    return trace.trace_id if trace is not None else None
