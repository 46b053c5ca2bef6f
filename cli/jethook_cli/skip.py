"""`jethook skip`: move past the event that holds up a key of an ordered Subscription."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from jethook_cli import options
from jethook_contract.connection import ConnectionHooks, ConnectionSettings, connect, disconnect
from jethook_contract.control import MAX_KEY_CHARACTERS, ControlAnswer, ControlRequest, control_subject
from jethook_contract.errors import Invalid, Unavailable
from jethook_contract.names import DEFAULT_POOL

_ANSWER_SECONDS = 5.0


def skip(
    subscription: Annotated[str, typer.Argument(help="The ordered Subscription.")],
    key: Annotated[str, typer.Option("--key", help="The parked key, as `status.delivery.parkedKeys` shows it.")],
    namespace: options.Namespace = None,
    pool: Annotated[str, typer.Option("--pool", help="The dispatcher pool of the endpoint.")] = DEFAULT_POOL,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    nats: options.NatsUrls = None,
    standalone: options.StandaloneFolder = None,
    nats_credentials: options.NatsCredentials = None,
) -> None:
    """Move past the event that holds up a key: it goes to the dead letters, the next of the key is tried."""
    where = namespace or "default"
    subject = control_subject(pool, where, subscription)
    if len(key) > MAX_KEY_CHARACTERS:
        raise Invalid("BadKey", f"--key: it has {len(key)} characters, no key has more than {MAX_KEY_CHARACTERS}")
    settings = options.nats_settings(nats, standalone, nats_credentials)
    if not yes:
        _ask(f"Skip the event that holds up key {key!r} of Subscription {where}/{subscription}?")
    answer = asyncio.run(request(subject, ControlRequest(action="Skip", key=key), settings=settings))
    # Keys come out of tenants' events: what would steer a terminal is not shown.
    message = "".join(character if character.isprintable() else "?" for character in answer.message)
    if not answer.done:
        raise Invalid(answer.reason, message)
    print(message)


async def request(subject: str, question: ControlRequest, *, settings: ConnectionSettings) -> ControlAnswer:
    """Ask the owner of a Subscription; raises Unavailable `NoOwner`, `NATSUnreachable`, and Invalid `BadRecord`."""
    client = await connect(settings, hooks=ConnectionHooks())
    try:
        message = await client.request(subject, question.encode(), timeout=_ANSWER_SECONDS)
    except NoRespondersError as exc:
        raise Unavailable("NoOwner", "no dispatcher of this pool runs: start one, or name another with --pool") from exc
    except TimeoutError as exc:
        raise Unavailable(
            "NoOwner",
            f"no dispatcher of this pool answered for the Subscription within {_ANSWER_SECONDS:.0f} s: see its name,"
            " -n and --pool; if it has just changed hands, ask again. It may or may not have been done",
        ) from exc
    except (NatsError, OSError) as exc:
        raise Unavailable("NATSUnreachable", f"the question was not sent: {type(exc).__name__}; ask again") from exc
    finally:
        await disconnect(client)
    return ControlAnswer.decode(message.data)


def _ask(question: str) -> None:
    """Go on only where a person at a terminal says yes; raises Invalid `NotConfirmed`."""
    if not sys.stdin.isatty():
        raise Invalid("NotConfirmed", "nobody is there to ask: give --yes to skip without a question")
    if not typer.confirm(question, err=True):
        raise Invalid("NotConfirmed", "nothing was skipped")
