"""Write the tables and the diagram of the delivery engine into docs/: `python -m hack.engine_pages`.

What stands between `<!-- NAME -->` and `<!-- /NAME -->` is made from the data that the dispatcher goes by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from jethook_dispatcher.core.answers import answers_table, faults_table
from jethook_dispatcher.core.breaker import diagram, events_table

DOCS = Path(__file__).parent.parent / "docs"
PAGES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "delivery.md": {"answers": answers_table, "faults": faults_table},
    "circuit-breaker.md": {"diagram": lambda: f"```mermaid\n{diagram()}```\n", "transitions": events_table},
}


def filled(text: str, *, parts: Mapping[str, Callable[[], str]]) -> str:
    """Give the page with its parts made anew; raises KeyError for a part whose markers are missing."""
    for name, make in parts.items():
        markers = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->\n)", re.DOTALL)
        if not markers.search(text):
            raise KeyError(name)
        text = markers.sub(rf"\g<1>{make().replace(chr(92), chr(92) * 2)}\g<2>", text)
    return text


def main() -> None:
    """Write the pages."""
    for name, parts in PAGES.items():
        page = DOCS / name
        page.write_text(filled(page.read_text(), parts=parts))


if __name__ == "__main__":
    main()
