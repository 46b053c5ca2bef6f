"""The filter dialects of the CloudEvents Subscriptions API, with the examples of section 3.2.4."""

from typing import Any

import pytest

from jethook_contract.event import CloudEvent
from jethook_contract.selection import Dialect
from jethook_processing.dialects import fits

EVENT = CloudEvent(
    id="1",
    source="https://example.com/shop",
    type="com.example.someevent",
    subject="https://example.com",
    extensions={"priority": 3, "urgent": True},
)
TYPE = {"type": "com.example.someevent"}


def _pairs(**attributes: str) -> tuple[tuple[str, str], ...]:
    return tuple(attributes.items())


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (Dialect(), True),
        (Dialect(exact=_pairs(type="com.example.someevent", subject="https://example.com")), True),
        (Dialect(exact=_pairs(type="com.example.someevent", subject="https://example.org")), False),
        (Dialect(exact=_pairs(type="COM.example.someevent")), False),
        (Dialect(exact=_pairs(priority="3", urgent="true")), True),
        (Dialect(exact=_pairs(dataschema="x")), False),
        (Dialect(exact=_pairs(missing="x")), False),
        (Dialect(prefix=_pairs(type="com.example.", subject="https://")), True),
        (Dialect(prefix=_pairs(type="com.example.", subject="http://")), False),
        (Dialect(prefix=_pairs(missing="x")), False),
        (Dialect(suffix=_pairs(type=".someevent", subject=".com")), True),
        (Dialect(suffix=_pairs(type=".created")), False),
        (Dialect(all=(Dialect(exact=_pairs(**TYPE)), Dialect(suffix=_pairs(subject=".com")))), True),
        (Dialect(all=(Dialect(exact=_pairs(**TYPE)), Dialect(suffix=_pairs(subject=".org")))), False),
        (Dialect(any=(Dialect(exact=_pairs(type="other")), Dialect(suffix=_pairs(subject=".com")))), True),
        (Dialect(any=(Dialect(exact=_pairs(type="other")), Dialect(suffix=_pairs(subject=".org")))), False),
        (Dialect(not_=Dialect(exact=_pairs(**TYPE))), False),
        (Dialect(not_=Dialect(exact=_pairs(missing="x"))), True),
        (Dialect(not_=Dialect(any=(Dialect(exact=_pairs(**TYPE)),))), False),
        (Dialect(all=(Dialect(not_=Dialect(prefix=_pairs(source="http://"))), Dialect(exact=_pairs(**TYPE)))), True),
    ],
)
def test_a_dialect_decides_by_attributes(dialect: Dialect, expected: Any) -> None:
    assert fits(EVENT, dialect) is expected
