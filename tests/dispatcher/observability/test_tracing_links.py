"""Which trace a request belongs to, and the headers by which it tells the receiver."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from jethook_contract.errors import Invalid
from jethook_contract.plan import ObjectId, PlanPart, PlanSecrets, SigningKey, Target
from jethook_contract.secrets import HmacHeader
from jethook_contract.tracing import TraceContext
from jethook_contract.verification import verify
from jethook_dispatcher.core.request import RequestForm
from jethook_dispatcher.core.trace_links import MAX_LINKS, UNTRACED, TraceLinks, trace_links
from tests.dispatcher.observability.tracing import KEY, NOW, context, request

A, B, C = context(1), context(2), context(3)


@pytest.mark.parametrize(
    ("sent", "replaced", "expected"),
    [
        ([], [], UNTRACED),
        ([None], [], UNTRACED),
        ([None, None], [None], UNTRACED),
        ([A], [], TraceLinks(A)),
        ([A, A, A], [], TraceLinks(A)),
        ([A, A, None], [], TraceLinks(None, (A,))),
        ([None, A], [], TraceLinks(None, (A,))),
        ([A, B, A, None, C], [], TraceLinks(None, (A, B, C))),
        ([A], [B, A, None, C, B], TraceLinks(A, (B, C))),
        ([None], [B], TraceLinks(None, (B,))),
        ([A, context(1, tracestate="a=1")], [], TraceLinks(None, (A, context(1, tracestate="a=1")))),
    ],
)
def test_a_shared_trace_is_the_parent_and_others_are_links(
    sent: list[TraceContext | None], replaced: list[TraceContext | None], expected: TraceLinks
) -> None:
    assert trace_links(sent, replaced=replaced) == expected


def test_links_are_bounded() -> None:
    many = [context(number) for number in range(1, 1000)]
    assert trace_links(many, replaced=many).links == tuple(many[:MAX_LINKS])


def test_a_parent_is_passed_on_and_links_are_not() -> None:
    headers = request(TraceLinks(context(1, tracestate="a=1"), (B,))).headers
    assert headers[-2:] == (("traceparent", context(1).traceparent), ("tracestate", "a=1"))
    names = [name for name, _ in request(TraceLinks(None, (A, B))).headers]
    assert "traceparent" not in names
    assert "tracestate" not in names


def test_signatures_are_the_same_with_and_without_a_trace() -> None:
    traced, plain = request(TraceLinks(A)), request()
    assert traced.headers[:-1] == plain.headers
    verify(dict(traced.headers), traced.body, keys=[KEY], now=NOW.timestamp())


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TraceState"])
def test_a_header_that_names_a_trace_is_refused(name: str) -> None:
    part = PlanPart(
        namespace="shop",
        endpoint=ObjectId(name="crm"),
        subscription=ObjectId(name="orders"),
        state="Active",
        stream="s",
        consumer="c",
        target=Target.model_validate({"urls": [{"url": "https://crm.example.com/"}]}),
    )
    hmac = SigningKey(scheme="HMAC", keys=(SecretStr("x" * 32),), hmac=HmacHeader(header=name))
    assert part.target is not None
    plain = part.model_copy(update={"target": part.target.model_copy(update={"headers": ((name, "x"),)})})
    for given, secrets in (
        (plain, PlanSecrets()),
        (part, PlanSecrets(headers=((name, SecretStr("x")),))),
        (part, PlanSecrets(signing=(hmac,))),
    ):
        with pytest.raises(Invalid, match=r"BadHeader.*Jethook sets it itself"):
            RequestForm(given, secrets=secrets)
