"""docs/status.md says of states and limits what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from jethook_contract.status import DeliveryState, LimitedBy
from jethook_dispatcher.core.delivery_state import delivering_condition, delivery_status, state_of
from jethook_operator.api.delivery import EndpointDelivery
from tests.dispatcher.status.conftest import OK
from tests.dispatcher.status.situations import situation, standing
from tests.dispatcher.status.test_delivering_condition import SAYINGS
from tests.dispatcher.status.test_delivery_state import LIMITS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "status.md").read_text()


def table(name: str) -> list[list[str]]:
    """Give the rows of the table between two markers, without its head."""
    text = PAGE.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return rows[2:]


def words(cell: str) -> list[str]:
    """Give what stands in code spans."""
    return re.findall(r"`(\w+)`", cell)


def test_every_state_has_its_row_by_precedence() -> None:
    assert [words(row[0]) for row in table("states")] == [[state] for state in get_args(DeliveryState)]


@pytest.mark.parametrize("row", table("states"), ids=lambda row: row[0])
def test_a_state_says_what_delivering_and_its_reason_are(row: list[str]) -> None:
    state = words(row[0])[0]
    conditions = [delivering_condition(given, previous=None) for given, *_ in SAYINGS if state_of(given) == state]
    assert {one.status for one in conditions} == set(row[2].split(", "))
    assert {one.reason for one in conditions} - {"SecretNotFound"} <= set(words(row[3]))


def test_every_limit_has_its_row_with_the_state_that_goes_with_it() -> None:
    rows = {words(row[0])[0]: row[2] for row in table("limits")}
    assert tuple(rows) == get_args(LimitedBy)
    for limit in get_args(LimitedBy):
        _, report = LIMITS[limit]
        state = delivery_status(situation(OK, standing=standing(limited_by=limit, **report))).state
        assert rows[limit] == ("any" if state == "Healthy" else f"`{state}`")


def test_the_page_on_limits_and_the_schema_name_every_value_too() -> None:
    limits = set(words((DOCS / "limits.md").read_text()))
    assert set(get_args(LimitedBy)) <= limits
    description = EndpointDelivery.model_fields["state"].description or ""
    assert [state for state in re.findall(r"\w+", description) if state in get_args(DeliveryState)] == list(
        get_args(DeliveryState)
    )
