"""The supervisor of a standalone installation stops everything together and says why."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.fixtures.installation import Standalone, pool
from tests.fixtures.poll import eventually

Factory = Callable[[], Standalone]


def _children(pid: int) -> dict[str, int]:
    """Give the command (operator, dispatcher, nats-server) and pid of each child process."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        name = next((word for word in words if word in {"operator", "dispatcher"}), Path(words[0]).name)
        found[name] = int(child)
    return found


async def test_a_child_that_ends_by_itself_ends_the_rest_with_a_word_on_it(standalone: Factory) -> None:
    jethook = standalone()
    jethook.write("pool.yaml", pool())
    await jethook.start()
    children = await eventually(lambda: found if len(found := _children(jethook.pid)) == 3 else None)
    assert set(children) == {"nats-server", "operator", "dispatcher"}
    os.kill(children["operator"], signal.SIGKILL)
    await eventually(lambda: not jethook.running, seconds=60)
    assert await jethook.stop() == 1
    assert "operator ended by itself" in jethook.log
    assert not any(Path(f"/proc/{child}").exists() for child in children.values())


async def test_a_second_one_on_the_same_folder_is_refused_and_leaves_the_first_alone(standalone: Factory) -> None:
    jethook = standalone()
    jethook.write("pool.yaml", pool())
    await jethook.start()
    second = await jethook.jethook("standalone", str(jethook.folder))
    assert second.returncode == 1
    assert "stop it first" in second.stderr
    assert jethook.running
    assert await jethook.stop() == 0
    state = jethook.folder / ".jethook"
    assert not (state / "standalone.json").exists()
    assert (state / "plan-keys" / "default").stat().st_mode & 0o077 == 0
