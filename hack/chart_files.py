"""Write or compare generated files: what the generators of the chart share."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def main(
    expected: Mapping[Path, str], *, root: Path, pattern: str, description: str, arguments: Sequence[str] | None = None
) -> int:
    """Write `expected`, or compare it with what is under `root`: exit code 1 and a diff where they differ.

    `pattern` says which files of `root` are generated: of those, one that is not expected is removed, or a difference.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the files")
    mode.add_argument("--check", action="store_true", help="compare them")
    options = parser.parse_args(arguments)
    present = {path: path.read_text(encoding="utf-8") for path in root.glob(pattern)}
    if options.check:
        difference = _difference(present, expected)
        sys.stdout.write(difference)
        return 1 if difference else 0
    for path in present.keys() - expected.keys():
        path.unlink()
    for path, text in expected.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _difference(present: Mapping[Path, str], expected: Mapping[Path, str]) -> str:
    lines: list[str] = []
    for path in sorted(expected.keys() | present.keys()):
        before, after = present.get(path, ""), expected.get(path, "")
        lines += difflib.unified_diff(before.splitlines(True), after.splitlines(True), path.name, f"{path.name} (new)")
    return "".join(lines)
