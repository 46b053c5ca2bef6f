"""Dispatchers as child processes of a test."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 40.0


class Process:
    """One dispatcher process, addressed by its pid."""

    def __init__(self, url: str, *, keys_file: Path, member: str, log: Path) -> None:
        self.member = member
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.dispatcher.lanes.child", url, str(keys_file), member],
                cwd=ROOT,
                env={**os.environ, "PYTHONWARNINGS": "default"},
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; gives the exit code."""
        return self._process.wait(STOP_SECONDS)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()
