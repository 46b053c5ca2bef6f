"""What the processes log: one form, on stderr, and never the value of a variable."""

import json
import os
import subprocess
import sys
from typing import Literal

import pytest

_PROGRAM = """
import structlog
from jethook_contract.logs import configure_logging

def fail(header):
    raise ValueError("it broke")

configure_logging()
log = structlog.get_logger("test")
log.debug("too much")
try:
    fail({"authorization": "a-secret" + "-value"})
except ValueError:
    log.exception("something failed", endpoint="crm")
"""


def _logged(*, stderr: Literal["pipe", "terminal"]) -> str:
    command = [sys.executable, "-c", _PROGRAM]
    if stderr == "pipe":
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout == ""
        return done.stderr
    ours, theirs = os.openpty()
    try:
        subprocess.run(command, stderr=theirs, check=True, timeout=30)
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_log_for_machines_is_json_lines_on_stderr() -> None:
    (line,) = [json.loads(line) for line in _logged(stderr="pipe").splitlines()]
    assert (line["event"], line["level"], line["endpoint"]) == ("something failed", "error", "crm")
    assert "ValueError: it broke" in line["exception"]


@pytest.mark.parametrize("stderr", ["pipe", "terminal"])
def test_a_traceback_shows_no_value_of_a_variable(stderr: Literal["pipe", "terminal"]) -> None:
    text = _logged(stderr=stderr)
    assert "ValueError: it broke" in text
    assert "a-secret-value" not in text
