"""When an object is as a document wants it."""

from __future__ import annotations

from typing import Any

import pytest

from jethook_operator.core.pool_compare import as_wanted, touched

OWNER = {"uid": "u-1", "name": "eu"}


@pytest.mark.parametrize(
    ("wanted", "found", "equal"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"a": {}}, {}, True),
        ({"a": []}, {"a": None}, True),
        ({"a": {"b": 1}}, {"a": None}, False),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": [{"b": 1}]}, {"a": {"b": 1}}, False),
        ({"limits": {"cpu": "1000m", "memory": "1024Mi"}}, {"limits": {"cpu": "1", "memory": "1Gi"}}, True),
        ({"limits": {"cpu": "0.5"}}, {"limits": {"cpu": "500m"}}, True),
        ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": "501m"}}, False),
        ({"limits": {"memory": "1M"}}, {"limits": {"memory": "1Mi"}}, False),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "odd"}}, False),
        ({"cpu": "1000m"}, {"cpu": "1"}, False),
        ({"ownerReferences": [OWNER]}, {"ownerReferences": [{"uid": "u-2"}, {**OWNER, "kind": "a"}]}, True),
        ({"ownerReferences": [OWNER]}, {"ownerReferences": [{"uid": "u-2"}]}, False),
    ],
)
def test_what_a_document_leaves_out_is_free(wanted: Any, found: Any, *, equal: bool) -> None:
    assert as_wanted(wanted, found=found) is equal


def test_touched_is_what_a_write_of_the_document_could_change() -> None:
    found = {"spec": {"replicas": 1, "list": [{"a": 1}, {"b": 2}]}, "status": {"ready": 1}}
    assert touched({"spec": {"list": [{"a": 1}]}}, found=found) == {"spec": {"list": [{"a": 1}, {"b": 2}]}}
