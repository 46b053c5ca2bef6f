"""What the documentation shows of the engine is what the engine goes by."""

from __future__ import annotations

import pytest

from hack.engine_pages import DOCS, PAGES, filled
from jethook_dispatcher.core.breaker import EVENTS, TRANSITIONS, diagram


@pytest.mark.parametrize("page", PAGES)
def test_a_page_holds_exactly_what_the_tables_say(page: str) -> None:
    text = (DOCS / page).read_text()
    assert text == filled(text, parts=PAGES[page]), "run `python -m hack.engine_pages`"


def test_a_page_without_its_markers_is_noticed() -> None:
    with pytest.raises(KeyError):
        filled("# A page\n", parts={"answers": lambda: ""})


def test_a_part_that_is_out_of_date_is_made_anew() -> None:
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    assert filled(page, parts={"x": lambda: "new\n"}) == "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n"


def test_the_diagram_has_an_arrow_for_each_transition() -> None:
    arrows = [line.strip() for line in diagram().splitlines() if "-->" in line]
    assert arrows[0] == "[*] --> Closed"
    assert len(arrows) == 1 + sum(len(row) for row in TRANSITIONS.values())
    assert "HalfOpen --> Closed: ProbeSucceeded" in arrows


def test_every_event_leads_somewhere_and_has_its_meaning() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(EVENTS)
