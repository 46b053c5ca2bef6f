"""`docs/observability.md` lists every metric as the code has it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from jethook_contract.metric_families import Family, families_table
from jethook_dispatcher.core.metric_families import ENDPOINT_FAMILIES, PROCESS_FAMILIES
from jethook_operator.core.metric_families import FAMILIES
from tests.repository.files import ROOT

PAGE = (ROOT / "docs" / "observability.md").read_text()


@pytest.mark.parametrize(
    ("section", "families"),
    [("endpoint", ENDPOINT_FAMILIES), ("process", PROCESS_FAMILIES), ("operator", FAMILIES)],
)
def test_the_page_has_the_table_of_the_code(section: str, families: Sequence[Family]) -> None:
    found = re.search(rf"<!-- {section} families -->\n(.*?)<!-- end -->", PAGE, re.DOTALL)
    assert found is not None
    assert found[1] == families_table(families)


def test_the_page_names_no_metric_that_the_code_does_not_have() -> None:
    known = {family.name for family in (*ENDPOINT_FAMILIES, *PROCESS_FAMILIES, *FAMILIES)}
    assert set(re.findall(r"jethook_(?:dispatcher|operator)_[a-z_]*[a-z]", PAGE)) <= known
