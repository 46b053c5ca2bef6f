"""Ask before something is removed: only where a person sits at a terminal."""

from __future__ import annotations

import sys

import typer

from jethook_contract.errors import Invalid


def confirm(question: str, *, otherwise: str) -> None:
    """Go on only where a person says yes; `otherwise` tells what stays (`nothing was deleted`).

    Raises Invalid `NotConfirmed`.
    """
    if not sys.stdin.isatty():
        raise Invalid("NotConfirmed", f"nobody is there to ask, {otherwise}: give --yes to go on without a question")
    if not typer.confirm(question, err=True):
        raise Invalid("NotConfirmed", otherwise)
