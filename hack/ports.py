"""Free TCP ports of 127.0.0.1."""

import socket
from pathlib import Path


def free_port() -> int:
    """Name a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def remembered_port(path: Path) -> int:
    """Return the port in the file `path`; a free one is chosen and written when there is no file."""
    if not path.exists():
        path.write_text(f"{free_port()}\n")
    return int(path.read_text())
