"""The `jethook` command line: one subcommand a module, errors on stderr, exit codes 0, 1 (failed) and 2 (wrong use)."""

from __future__ import annotations

import logging
import sys

import typer

from jethook_cli import (
    dead_letters,
    describe,
    gateway,
    get,
    installation,
    nats_permissions,
    preview,
    processes,
    publish,
    purge,
    receiver,
    skip,
    standalone,
    verify,
)
from jethook_contract.errors import JethookError
from jethook_contract.logs import configure_logging

app = typer.Typer(
    name="jethook",
    help="Deliver events to webhooks, from inside Kubernetes or standalone, and show how it goes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(get.get)
app.command()(describe.describe)
app.command()(publish.publish)
app.command()(receiver.receiver)
app.command()(verify.verify)
app.command("preview")(preview.preview_command)
app.command()(skip.skip)
app.add_typer(dead_letters.app, name="dead-letters")
app.command()(purge.purge)
app.add_typer(installation.app, name="installation")
app.command()(nats_permissions.nats_permissions)
app.command()(standalone.standalone)
app.command()(processes.operator)
app.command()(processes.dispatcher)
app.command()(gateway.gateway)
app.command("api-key")(gateway.api_key)


def main() -> None:
    """Run the command; a Jethook error becomes one line on stderr and exit code 1."""
    configure_logging()
    # nats-py leaves tasks behind when it is closed in the middle of a reconnection; asyncio complains of each at exit.
    logging.getLogger("asyncio").addFilter(lambda record: not record.getMessage().startswith("Task was destroyed"))
    try:
        app()
    except JethookError as exc:
        print(f"jethook: {exc.message} ({exc.reason})", file=sys.stderr)
        raise SystemExit(1) from exc


if __name__ == "__main__":
    main()
