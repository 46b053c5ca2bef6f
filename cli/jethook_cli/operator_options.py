"""Options of `jethook operator` that say how much: each with its unit and its bounds."""

from __future__ import annotations

from typing import Annotated

import typer

from jethook_contract.errors import Invalid

_MEBIBYTE = 1024 * 1024
_TEBIBYTE = 1024**4
_REPLICAS = (1, 3, 5)

OrphanGrace = Annotated[int, typer.Option(min=0, help="Seconds that a consumer outlives its Subscription.")]
OrphanHoldPercent = Annotated[
    int,
    typer.Option(
        min=0,
        max=100,
        help="Percent of consumers: when more of them than this have lost their objects, none is removed; 100: they"
        " always are.",
    ),
]
EventsMaxBytes = Annotated[
    int | None,
    typer.Option(
        min=_MEBIBYTE,
        max=_TEBIBYTE,
        help="Bytes of NATS storage that the events of each namespace reserve; 512 MiB unless told.",
    ),
]
StreamReplicas = Annotated[
    int, typer.Option(min=1, max=5, help="Replicas of every stream and bucket in NATS: 1, 3 or 5.")
]
ResyncSeconds = Annotated[int, typer.Option(min=10, max=86_400, help="Seconds between two looks at every object.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Objects that are reconciled at a time.")]

LeaderElect = Annotated[
    bool,
    typer.Option(
        "--leader-elect/--no-leader-elect",
        envvar="JETHOOK_LEADER_ELECT",
        help="Work only while this process holds the Lease jethook-operator of --namespace; for several replicas.",
    ),
]


def check_replicas(replicas: int) -> None:
    """Accept 1, 3 or 5, or raise Invalid `BadReplicas`."""
    if replicas not in _REPLICAS:
        raise Invalid("BadReplicas", f"--stream-replicas {replicas}: NATS agrees by majority; give 1, 3 or 5")
