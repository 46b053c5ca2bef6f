"""Options of `jethook operator` about the Deployments of pools."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jethook_contract.errors import Invalid

if TYPE_CHECKING:
    from jethook_operator.core.pool_settings import ChildSettings

_NAME = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")


class PullPolicy(StrEnum):
    """When a node fetches an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


PlanKeys = Annotated[
    Path | None,
    typer.Option(
        envvar="JETHOOK_PLAN_KEYS",
        help="Folder with one file a pool, named as it, of Fernet keys. With --dispatcher-image the keys are Secrets.",
    ),
]
Image = Annotated[
    str | None,
    typer.Option(
        "--dispatcher-image",
        envvar="JETHOOK_DISPATCHER_IMAGE",
        help="Run the pools' dispatchers: own a Deployment of this image for each DispatcherPool.",
    ),
]
ImagePullPolicy = Annotated[
    PullPolicy, typer.Option("--dispatcher-image-pull-policy", help="When nodes fetch that image.")
]
ImagePullSecrets = Annotated[
    list[str] | None,
    typer.Option("--dispatcher-image-pull-secret", help="Secret that nodes fetch the image with; repeat it."),
]
NatsUrls = Annotated[
    list[str] | None,
    typer.Option("--dispatcher-nats", help="NATS server URL for the pods; repeat it. Those of --nats unless told."),
]
NatsCredentials = Annotated[
    str | None,
    typer.Option(
        "--dispatcher-nats-credentials",
        help="Secret with the NATS user of pools that name none: a .creds file under the key user.creds.",
    ),
]
NatsTls = Annotated[
    str | None,
    typer.Option(
        "--dispatcher-nats-tls",
        help="Secret with ca.crt, and tls.crt with tls.key for a NATS that asks for a certificate, for all pools.",
    ),
]
ClusterRole = Annotated[
    str, typer.Option("--dispatcher-cluster-role", help="ClusterRole that dispatchers are bound to.")
]


def check_plan_keys(plan_keys: Path | None, *, image: str | None) -> None:
    """Demand a place for the plan keys, or raise Invalid `NoPlanKeys`."""
    if plan_keys is None and image is None:
        raise Invalid("NoPlanKeys", "where are the pools' plan keys? give --plan-keys FOLDER, or --dispatcher-image")


def child_settings(
    image: str | None,
    *,
    namespace: str,
    nats: tuple[str, ...],
    pull_policy: PullPolicy,
    pull_secrets: list[str] | None,
    credentials: str | None,
    tls: str | None = None,
    cluster_role: str,
) -> ChildSettings | None:
    """Say what the Deployments are made of, None without an image. Raises Invalid for what no pod could use."""
    if image is None:
        return None
    from jethook_operator.core.pool_settings import ChildSettings

    for url in nats:
        if "@" in url:
            raise Invalid(
                "NATSUserInURL",
                "a NATS URL with a user would stand in each pod for all to read; give --dispatcher-nats without one,"
                " and --dispatcher-nats-credentials SECRET",
            )
    for name in (*(pull_secrets or ()), *([credentials] if credentials else ()), *([tls] if tls else ()), cluster_role):
        if _NAME.fullmatch(name) is None:
            raise Invalid("BadName", f"{name!r} is no name of a Kubernetes object: a-z, 0-9, - and . only")
    return ChildSettings(
        namespace=namespace,
        image=image,
        nats_urls=nats,
        image_pull_policy=pull_policy.value,
        image_pull_secrets=tuple(pull_secrets or ()),
        nats_credentials=credentials,
        nats_tls=tls,
        cluster_role=cluster_role,
    )
