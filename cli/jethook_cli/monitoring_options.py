"""Options of the processes that say where they are looked at."""

from __future__ import annotations

from typing import Annotated

import typer

from jethook_contract.monitoring import Address, parse_address

_MAX_ENDPOINTS = 100_000

Metrics = Annotated[
    str | None,
    typer.Option(
        envvar="JETHOOK_METRICS",
        metavar="HOST:PORT",
        help="Serve /metrics, /livez and /readyz there; an empty host is every interface. Off unless given.",
    ),
]
MetricsEndpoints = Annotated[
    int,
    typer.Option(
        envvar="JETHOOK_METRICS_ENDPOINTS",
        min=0,
        max=_MAX_ENDPOINTS,
        help='Endpoints with series of their own; all further ones are counted together as "_other".',
    ),
]


def address(metrics: str | None) -> Address | None:
    """Read where to serve, None for nowhere; raises Invalid `BadAddress`."""
    return parse_address(metrics) if metrics else None
