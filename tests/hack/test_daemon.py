"""A daemon is ended by its own pid only, also by a process that did not start it."""

import signal
import subprocess
import sys
from pathlib import Path

from hack.daemon import Daemon

SLEEP = "import time; time.sleep(60)"


def test_another_process_ends_it_by_its_pid_file(tmp_path: Path) -> None:
    daemon = Daemon("sleeper", tmp_path, [sys.executable, "-c", SLEEP, f"{tmp_path}/data"])
    daemon.start()
    other = Daemon("sleeper", tmp_path)
    assert other.pid == daemon.pid
    other.send(signal.SIGKILL)
    daemon.end()
    assert other.pid is None


def test_a_pid_that_is_now_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as stranger:
        try:
            (tmp_path / "sleeper.pid").write_text(f"{stranger.pid}\n")
            Daemon("sleeper", tmp_path).end()
            assert stranger.poll() is None
        finally:
            stranger.kill()
