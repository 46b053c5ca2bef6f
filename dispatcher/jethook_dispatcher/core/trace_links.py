"""Which traces one request belongs to: a parent where it is one, links where the events of a request have several.

Source: OpenTelemetry, semantic conventions for messaging spans ("Trace structure"): one message may be a parent, the
messages of a batch are links.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jethook_contract.tracing import TraceContext

MAX_LINKS = 32


@dataclass(frozen=True, slots=True)
class TraceLinks:
    """Say where a request comes from.

    `parent`: the context that all its events share; None when they differ or one has none. `links`: the other
    contexts, each once, at most `MAX_LINKS`.
    """

    parent: TraceContext | None = None
    links: tuple[TraceContext, ...] = ()


UNTRACED = TraceLinks()


def trace_links(sent: Sequence[TraceContext | None], *, replaced: Iterable[TraceContext | None] = ()) -> TraceLinks:
    """Sort the contexts of the events that a request sends, and of those that it answers for without sending them."""
    shared = sent[0] if sent and all(context == sent[0] for context in sent) else None
    links: dict[TraceContext, None] = {}
    for context in (*sent, *replaced):
        if context is not None and context != shared:
            links[context] = None
            if len(links) == MAX_LINKS:
                break
    return TraceLinks(shared, tuple(links)) if shared is not None or links else UNTRACED
