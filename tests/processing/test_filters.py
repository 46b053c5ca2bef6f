"""The filter of a Subscription as a whole."""

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.event import CloudEvent
from jethook_contract.selection import Dialect, Filter
from jethook_processing.filters import EventFilter

EVENT = CloudEvent(id="1", source="/s", type="a.b", data=b'{"amount": 5}')
TYPE = Dialect(exact=(("type", "a.b"),))
OTHER = Dialect(exact=(("type", "a.c"),))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, True),
        (Filter(), True),
        (Filter(cel="event.data.amount > 3"), True),
        (Filter(cel="event.data.amount > 5"), False),
        (Filter(dialects=(TYPE,)), True),
        (Filter(dialects=(TYPE, OTHER)), False),
        (Filter(cel="event.data.amount > 3", dialects=(TYPE,)), True),
        (Filter(cel="event.data.amount > 5", dialects=(TYPE,)), False),
        (Filter(cesql="source LIKE '/%'"), True),
        (Filter(cesql="source LIKE '/%'", cel="event.data.amount > 5"), False),
        (Filter(cesql="EXISTS subject", cel="event.data.amount > 3"), False),
    ],
)
def test_all_that_is_set_must_hold(wanted: Filter | None, *, expected: bool) -> None:
    assert EventFilter(wanted).wants(EVENT) is expected


def test_an_expression_is_not_asked_when_the_dialects_have_refused() -> None:
    assert EventFilter(Filter(cel="event.data.missing == 1", dialects=(OTHER,))).wants(EVENT) is False
    with pytest.raises(Invalid, match="FilterFailed"):
        EventFilter(Filter(cel="event.data.missing == 1")).wants(EVENT)


def test_a_bad_expression_is_told_when_the_filter_is_made() -> None:
    for wanted in (Filter(cel="event."), Filter(cesql="subject =")):
        with pytest.raises(Invalid, match="BadExpression"):
            EventFilter(wanted)


def test_no_filter_reads_nothing_of_the_event() -> None:
    nothing = EventFilter(Filter())
    assert nothing.idle
    assert nothing.wants(None)  # type: ignore[arg-type]  # shows that the event is not touched
