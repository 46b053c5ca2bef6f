"""The files of the repository, without what tools put beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("contract", "processing", "operator", "dispatcher", "gateway", "storage", "cli")
_NOT_OURS = frozenset(
    {".git", ".venv", ".jethook", ".hypothesis", ".import_linter_cache", "__pycache__", "build", "dist", "node_modules"}
)


def text_files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Give each file that is text, with its text."""
    for path in sorted(root.iterdir()):
        if path.name in _NOT_OURS or path.name.endswith("_cache") or path.is_symlink():
            continue
        if path.is_dir():
            yield from text_files(path)
        else:
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
