"""What the pods of the chart are told to run is what `jethook` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from jethook_cli.__main__ import app
from tests.chart.chart import VALUE_SETS, documents, render

EACH_SET = pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)


@EACH_SET
def test_the_command_line_takes_the_arguments_of_every_pod(values: Path) -> None:
    commands = list(_commands(render(values)))
    assert {words[0] for words in commands} == {"operator", "installation"}
    for words in commands:
        command, rest = typer.main.get_command(app), list(words)
        while subcommands := getattr(command, "commands", None):
            command = subcommands[rest.pop(0)]
        command.make_context("tried", rest)  # refuses what it does not know, and runs nothing


def test_the_check_would_notice_an_option_that_there_is_not() -> None:
    operator = typer.main.get_command(app).commands["operator"]  # type: ignore[attr-defined]  # a group, as above
    with pytest.raises(Exception, match="No such option"):
        operator.make_context("operator", ["--install-id=x", "--dispatcher-picture=x"])


def _commands(rendered: str) -> list[list[str]]:
    """Give the arguments of each container of Jethook's images."""
    found = []
    for one in documents(rendered):
        pod = one["spec"] if one["kind"] == "Pod" else one.get("spec", {}).get("template", {}).get("spec", {})
        found += [box["args"] for box in pod.get("containers", []) if "jethook/operator" in box["image"]]
    return found
