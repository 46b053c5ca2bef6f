"""A dispatcher that is started again each time it dies, as a Deployment does."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.dispatcher.lanes.processes import ROOT
from tests.fixtures.poll import eventually

LIFE_SECONDS = 60.0


class Lives:
    """One dispatcher after the other; `deaths` counts those that ended by a signal."""

    def __init__(self, url: str, *, keys_file: Path, folder: Path) -> None:
        self.deaths = 0
        self._url = url
        self._keys_file = keys_file
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Give what all of them have logged."""
        return "".join(one.read_text(errors="replace") for one in sorted(self._folder.glob("life-*.log")))

    def start(self, step: str = "never", *event_ids: str) -> None:
        """Start the next one, which these events end at the step."""
        name = f"life-{self.deaths:02}"
        command = [sys.executable, "-m", "tests.dispatcher.lanes.crashing_child"]
        with (self._folder / f"{name}.log").open("ab") as output:
            self._process = subprocess.Popen(
                [*command, self._url, str(self._keys_file), name, step, ",".join(event_ids)],
                cwd=ROOT,
                env={**os.environ, "PYTHONWARNINGS": "default"},
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        """SIGKILL the one that lives."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.deaths += 1

    async def until(
        self, done: Callable[[], Awaitable[bool]], *, most_deaths: int, step: str = "never", deadly: Sequence[str] = ()
    ) -> None:
        """Start one after the other until it is done; AssertionError when more die than `most_deaths`."""
        while True:
            self.start(step, *deadly)

            async def ended() -> str | None:
                return "dead" if not self._alive else "done" if await done() else None

            if await eventually(ended, seconds=LIFE_SECONDS, every_seconds=0.1) == "done":
                return
            self.deaths += 1
            assert self.deaths <= most_deaths, "the pool is down for ever"

    def close(self) -> None:
        """End the one that lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def _alive(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        assert code in (None, -signal.SIGKILL), f"ended with {code}: {self.log[-2000:]}"
        return code is None
