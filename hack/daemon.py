"""A server process with a pid file: started, signalled and ended by its own pid, also from another process."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

POLL_SECONDS = 0.01
PAUSE_SECONDS = 5.0
LOG_TAIL_CHARACTERS = 3000


@dataclass
class Daemon:
    """One server; `<folder>/<name>.pid` holds its pid and `<folder>/<name>.log` what it wrote.

    `command` must name a path below `folder`: that is how a pid of an earlier run is known to be still ours.
    """

    name: str
    folder: Path
    command: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The pid while the process lives, else None."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            return pid if _is_ours(pid, folder=self.folder) else None
        return None

    def start(self) -> None:
        """Start the process in a session of its own, so that it outlives its starter's terminal.

        Raises RuntimeError when it runs already, ValueError when the command names no path below the folder.
        """
        if self.pid is not None:
            raise RuntimeError(f"{self.name} already runs in {self.folder}")
        if not any(f"{self.folder}/" in part for part in self.command):
            raise ValueError(f"the command of {self.name} names no path below {self.folder}")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_file.write_text(f"{self._process.pid}\n")
        while self._process.poll() is None and not _is_ours(self._process.pid, folder=self.folder):
            time.sleep(POLL_SECONDS)  # the system shows the command line a moment after the start

    def send(self, number: signal.Signals) -> None:
        """Send a signal; does nothing when the process has ended."""
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self) -> None:
        """SIGSTOP the process and return when all of its threads stand still; its connections stay open."""
        self.send(signal.SIGSTOP)
        deadline = time.monotonic() + PAUSE_SECONDS
        while time.monotonic() < deadline and self.pid is not None:
            # Without WEXITED an ended process is left for Popen to reap.
            if os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG) is not None:
                return
            time.sleep(POLL_SECONDS)
        raise RuntimeError(f"{self.name} could not be paused")

    def resume(self) -> None:
        """SIGCONT the process."""
        self.send(signal.SIGCONT)

    def end(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = 15.0) -> None:
        """Send `number` and wait for the end; SIGKILL after `seconds`. A paused process is continued first."""
        self.send(signal.SIGCONT)
        self.send(number)
        if not self._gone_within(seconds):
            self.send(signal.SIGKILL)
            self._gone_within(seconds)
        self._pid_file.unlink(missing_ok=True)
        self._process = None

    def log_tail(self) -> str:
        """Return the end of the log."""
        return self._log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:] if self._log.exists() else ""

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return self.pid is None


def _is_ours(pid: int, *, folder: Path) -> bool:
    """Tell whether `pid` is a process with a path below `folder` in its command line: pids are used again."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        asked = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        command = asked.stdout
    return f"{folder}/" in command
