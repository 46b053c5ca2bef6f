"""What a Subscription selects and bounds, as the plan has it."""

from typing import Any

import pytest

from jethook_contract.errors import Invalid
from jethook_contract.plan import PlanPart, RetryPolicy
from jethook_contract.selection import BacklogPolicy, Batch, Dialect, Filter, Merge, Ordering
from jethook_operator.api.parse import parse
from jethook_operator.api.subscription import Subscription
from jethook_operator.api.webhookendpoint import WebhookEndpoint
from jethook_operator.core.observations import ObservedPart, Place
from jethook_operator.core.selection import check_expressions, plan_filter
from jethook_operator.core.subscription import SubscriptionInputs, decide_subscription
from tests.fakes.surroundings import endpoint, subscription

PLACE = Place(pool="default", key="shop.orders.all")


def a_subscription(**spec: Any) -> Subscription:
    parsed = parse(subscription("all", "a", **spec))
    assert isinstance(parsed, Subscription)
    return parsed


def an_endpoint(**spec: Any) -> WebhookEndpoint:
    parsed = parse(endpoint(**spec))
    assert isinstance(parsed, WebhookEndpoint)
    return parsed


def part_of(
    subscribed: Subscription, *, sent_to: WebhookEndpoint | None = None, old: PlanPart | None = None
) -> PlanPart:
    parts = () if old is None else (ObservedPart(place=PLACE, part=old),)
    inputs = SubscriptionInputs(subscription=subscribed, endpoint=sent_to or an_endpoint(), pool=None, parts=parts)
    return decide_subscription(inputs).part


def test_what_is_left_out_selects_all_and_bounds_by_default() -> None:
    part = part_of(a_subscription())
    assert (part.filter, part.ordering, part.merge, part.batch) == (Filter(), None, None, None)
    assert part.backlog == BacklogPolicy(max_age_seconds=604_800, max_events=None, max_share_percent=50)


def test_dialects_are_translated_at_every_depth() -> None:
    dialects = [
        {"exact": {"subject": "17", "id": "a"}},
        {"all": [{"prefix": {"type": "com."}}, {"any": [{"suffix": {"subject": ".jpg"}}, {"exact": {"id": "b"}}]}]},
        {"not": {"not": {"exact": {"id": "c"}}}},
    ]
    wanted = a_subscription(filter={"cel": "event.id != ''", "dialects": dialects}).spec.filter
    assert plan_filter(wanted) == Filter(
        cel="event.id != ''",
        dialects=(
            Dialect(exact=(("id", "a"), ("subject", "17"))),
            Dialect(
                all=(
                    Dialect(prefix=(("type", "com."),)),
                    Dialect(any=(Dialect(suffix=(("subject", ".jpg"),)), Dialect(exact=(("id", "b"),)))),
                )
            ),
            Dialect(not_=Dialect(not_=Dialect(exact=(("id", "c"),)))),
        ),
    )


def test_a_translated_filter_survives_the_way_through_the_plan() -> None:
    part = part_of(a_subscription(filter={"dialects": [{"not": {"exact": {"id": "c"}}}]}))
    assert PlanPart.decode(part.encode()) == part


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        ({"ordering": {"keyFrom": "event.subject"}}, "ordering", Ordering(key_from="event.subject")),
        (
            {"merge": {"keyFrom": "event.id", "windowSeconds": 10, "strategy": "Collect"}},
            "merge",
            Merge(key_from="event.id", window_seconds=10, strategy="Collect"),
        ),
        (
            {"batch": {"maxEvents": 3, "maxBytes": 2048, "maxWaitMilliseconds": 0}},
            "batch",
            Batch(max_events=3, max_bytes=2048, max_wait_milliseconds=0),
        ),
        ({"batch": {}}, "batch", Batch(max_events=100, max_bytes=262_144, max_wait_milliseconds=500)),
        (
            {"backlog": {"maxAgeSeconds": 60, "maxEvents": 5, "maxSharePercent": 1}},
            "backlog",
            BacklogPolicy(max_age_seconds=60, max_events=5, max_share_percent=1),
        ),
    ],
)
def test_a_part_carries_what_the_spec_says(spec: dict[str, Any], field: str, value: object) -> None:
    assert getattr(part_of(a_subscription(**spec)), field) == value


def test_a_part_retries_as_the_endpoint_except_for_what_is_overridden() -> None:
    sent_to = an_endpoint(retry={"maxAttempts": 5, "initialDelaySeconds": 7})
    part = part_of(a_subscription(retry={"maxAttempts": 3}), sent_to=sent_to)
    assert part.retry == RetryPolicy(max_attempts=3, initial_delay_seconds=7)


def test_no_attempt_is_planned_past_the_age_of_the_backlog() -> None:
    assert part_of(a_subscription(backlog={"maxAgeSeconds": 3_600})).retry.max_age_seconds == 3_600


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"filter": {"cel": "event.id ="}}, "spec.filter.cel"),
        ({"filter": {"cesql": "id ="}}, "spec.filter.cesql"),
        ({"filter": {"cesql": "NOPE(id) = 1"}}, "spec.filter.cesql"),
        ({"ordering": {"keyFrom": "event.id +"}}, "spec.ordering.keyFrom"),
        ({"merge": {"keyFrom": "evnt.id", "windowSeconds": 1}}, "spec.merge.keyFrom"),
    ],
)
def test_a_wrong_expression_is_named_by_its_field(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid, match="BadExpression") as raised:
        check_expressions(a_subscription(**spec).spec)
    assert raised.value.message.startswith(f"{field}: ")


def test_a_wrong_expression_withholds_a_first_plan_only() -> None:
    wrong = a_subscription(filter={"cel": "event.id ="})
    first = part_of(wrong)
    assert (first.state, first.reason, first.filter) == ("Withheld", "BadExpression", Filter())
    assert part_of(wrong, old=first) == first
    good = part_of(a_subscription())
    with pytest.raises(Invalid, match="BadExpression"):
        part_of(wrong, old=good)
