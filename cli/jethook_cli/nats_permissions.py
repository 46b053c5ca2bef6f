"""`jethook nats-permissions`: what a NATS user must be allowed, in the words of nats-server or nsc."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from typing import Annotated, Any

import typer

from jethook_contract.errors import Invalid
from jethook_contract.nats_permissions import (
    ALL_NAMESPACES,
    RESPONSES_MAX,
    RESPONSES_SECONDS,
    NatsPermissions,
    admin_permissions,
    dispatcher_permissions,
    operator_permissions,
    producer_permissions,
)


class Role(StrEnum):
    """The kinds of process that have a NATS user of their own."""

    OPERATOR = "operator"
    POOL = "pool"
    PRODUCER = "producer"
    ADMIN = "admin"


class Form(StrEnum):
    """The forms in which permissions are printed."""

    CONFIG = "config"
    JSON = "json"
    NSC = "nsc"


def nats_permissions(
    role: Annotated[Role, typer.Argument(help="Whose NATS user it is.")],
    name: Annotated[str | None, typer.Argument(help="The pool, or the producer's namespace.")] = None,
    allowed_namespace: Annotated[
        list[str] | None,
        typer.Option(help="Pool: a namespace that it may serve; repeat it. All, unless told."),
    ] = None,
    user: Annotated[str | None, typer.Option(help="Name of the NATS user; made of role and name unless told.")] = None,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of output.")] = Form.CONFIG,
) -> None:
    """Print the permissions of a NATS user: for nats-server's configuration, as JSON, or as a command of nsc."""
    permissions = _permissions(role, name=name, namespaces=allowed_namespace)
    named = user or "-".join(["jethook", role.value, *([name] if name else [])])
    print(_FORMS[output](permissions, named))


def as_block(permissions: NatsPermissions) -> dict[str, Any]:
    """Write permissions as the value of `permissions` in nats-server's configuration."""
    block: dict[str, Any] = {
        "publish": {"allow": list(permissions.publish)},
        "subscribe": {"allow": list(permissions.subscribe)},
    }
    if permissions.responds:
        block["allow_responses"] = {"max": RESPONSES_MAX, "expires": f"{RESPONSES_SECONDS}s"}
    return block


def _permissions(role: Role, *, name: str | None, namespaces: list[str] | None) -> NatsPermissions:
    if namespaces and role is not Role.POOL:
        raise Invalid("BadOption", "--allowed-namespace: only a pool has it; leave it out")
    if role in (Role.POOL, Role.PRODUCER):
        if name is None:
            what = "POOL, as in `jethook nats-permissions pool default`"
            missing = what if role is Role.POOL else "NAMESPACE, as in `jethook nats-permissions producer shop`"
            raise Invalid("BadName", f"a name is missing: give {missing}")
        if role is Role.POOL:
            return dispatcher_permissions(name, namespaces=namespaces or (ALL_NAMESPACES,))
        return producer_permissions(name)
    if name is not None:
        raise Invalid("BadName", f"{role.value} has no name; leave {name!r} out")
    return operator_permissions() if role is Role.OPERATOR else admin_permissions()


def _config(permissions: NatsPermissions, user: str) -> str:
    """Write an entry of `authorization.users`, or of an account's `users`."""
    lines = json.dumps({"user": user, "permissions": as_block(permissions)}, indent=2).splitlines()
    return "\n".join([f"# inbox prefix of the client: {permissions.inbox_prefix}", *lines])


def _json(permissions: NatsPermissions, user: str) -> str:
    document = {"user": user, "inboxPrefix": permissions.inbox_prefix, "permissions": as_block(permissions)}
    return json.dumps(document, indent=2)


def _nsc(permissions: NatsPermissions, user: str) -> str:
    """Write the command that makes the user; its credentials are then `nsc generate creds --name USER`."""
    words = ["nsc", "add", "user", "--name", user]
    words += ["--allow-pub", ",".join(permissions.publish), "--allow-sub", ",".join(permissions.subscribe)]
    if permissions.responds:
        words += [f"--allow-pub-response={RESPONSES_MAX}", "--response-ttl", f"{RESPONSES_SECONDS}s"]
    return f"# inbox prefix of the client: {permissions.inbox_prefix}\n{shlex.join(words)}"


_FORMS = {Form.CONFIG: _config, Form.JSON: _json, Form.NSC: _nsc}
