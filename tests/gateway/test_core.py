"""The rules of the gateway: what a request holds, who may send it, how fast, and how a fault is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Bug, Invalid, JethookError, Unavailable
from jethook_contract.event import CloudEvent
from jethook_gateway.core.ingest import max_body_bytes, read_request
from jethook_gateway.core.keys import ApiKey, KeyRing, hash_of, read_keys
from jethook_gateway.core.problems import problem_of
from jethook_gateway.core.rate import MAX_BUCKETS, RateLimits

ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "/s", "type": "com.example.made"}
STRUCTURED = json.dumps(ATTRIBUTES | {"data": {"a": 1}}).encode()
KEY = "jhk_0123456789abcdefghij"
ENTRY = {"name": "shop", "sha256": hash_of(KEY), "namespaces": ["shop"]}


def read(body: bytes, **headers: str) -> tuple[CloudEvent | Invalid, ...]:
    return read_request(
        {name.replace("_", "-"): value for name, value in headers.items()}, body, new_id=lambda: "new"
    ).events


def test_a_structured_event_keeps_its_bytes() -> None:
    (event,) = read(STRUCTURED, content_type="application/cloudevents+json; charset=utf-8")
    assert isinstance(event, CloudEvent)
    assert event.envelope == STRUCTURED


def test_a_binary_event_is_read_from_its_headers() -> None:
    headers = {f"ce_{name}": value for name, value in ATTRIBUTES.items()}
    (event,) = read(b'{"a": 1}', content_type="application/json", **headers)
    assert isinstance(event, CloudEvent)
    assert (event.id, event.data, event.datacontenttype) == ("e-1", b'{"a": 1}', "application/json")


def test_plain_json_becomes_an_event_by_its_headers() -> None:
    (event,) = read(b'{"a": 1}', content_type="application/json", jethook_event_type="com.example.made")
    assert isinstance(event, CloudEvent)
    assert (event.id, event.source, event.type, event.data) == (
        "new",
        "/jethook/gateway",
        "com.example.made",
        b'{"a": 1}',
    )
    named = {"jethook_event_id": "7", "jethook_event_source": "/mine", "jethook_event_subject": "order-7"}
    (event,) = read(b"1", content_type="application/json", jethook_event_type="t", **named)
    assert isinstance(event, CloudEvent)
    assert (event.id, event.source, event.subject) == ("7", "/mine", "order-7")


def test_each_event_of_a_batch_is_judged_by_itself() -> None:
    body = b"[" + STRUCTURED + b', {"id": "2"}, ' + STRUCTURED.replace(b"e-1", b"e-3") + b"]"
    first, second, third = read(body, content_type="application/cloudevents-batch+json")
    assert isinstance(second, Invalid)
    assert second.reason == "MissingAttribute"
    assert [one.id for one in (first, third) if isinstance(one, CloudEvent)] == ["e-1", "e-3"]
    assert read(b"[]", content_type="application/cloudevents-batch+json") == ()


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (STRUCTURED, {}, "UnknownContentType"),
        (STRUCTURED, {"content_type": "application/json"}, "UnknownContentType"),
        (STRUCTURED, {"content_type": "text/plain", "jethook_event_type": "t"}, "UnknownContentType"),
        (b"{", {"content_type": "application/cloudevents+json"}, "BadJSON"),
        (b"{", {"content_type": "application/json", "jethook_event_type": "t"}, "BadJSON"),
        (b"\xff", {"content_type": "application/json", "jethook_event_type": "t"}, "InvalidUTF8"),
        (b"1", {"content_type": "application/json", "jethook_event_type": ""}, "BadAttributeValue"),
        (b"{}", {"content_type": "application/cloudevents-batch+json"}, "BadJSON"),
        (b"\xff", {"content_type": "application/cloudevents-batch+json"}, "InvalidUTF8"),
        (b"", {"ce_specversion": "1.0"}, "MissingAttribute"),
        (b"[" * 5000 + b"]" * 5000, {"content_type": "application/json", "jethook_event_type": "t"}, "TooDeep"),
        (b"[" + b"{}," * 1000 + b"{}]", {"content_type": "application/cloudevents-batch+json"}, "TooManyEvents"),
    ],
)
def test_what_holds_no_event_is_refused(body: bytes, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(body, **headers)
    assert refused.value.reason == reason


@given(st.binary(max_size=200), st.sampled_from(["application/cloudevents+json", "application/cloudevents-batch+json"]))
def test_any_body_is_events_or_refused(body: bytes, content_type: str) -> None:
    try:
        read(body, content_type=content_type)
    except Invalid as exc:
        assert problem_of(exc).status in (400, 413)  # noqa: PT017 -- either outcome is right


def test_only_a_batch_may_be_larger_than_an_event() -> None:
    assert max_body_bytes("application/cloudevents-batch+json") > max_body_bytes("application/json") == 768 * 1024


def test_a_client_is_known_by_his_key_and_confined_to_his_namespaces() -> None:
    ring = read_keys({"keys": [ENTRY, ENTRY | {"name": "all", "sha256": hash_of("x" * 20), "namespaces": ["*"]}]})
    client = ring.client(f"Bearer {KEY}")
    assert (client.name, client.may_publish("shop"), client.may_publish("bank")) == ("shop", True, False)
    assert ring.client(f"bearer {'x' * 20}").may_publish("bank")


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer é"]
)
def test_whoever_has_no_key_is_refused_and_his_key_is_not_repeated(authorization: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        read_keys({"keys": [ENTRY]}).client(authorization)
    assert problem_of(refused.value).status == 401
    assert KEY[:10] not in refused.value.message


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "a mapping with `keys`"),
        ({"keys": {}}, "a mapping with `keys`"),
        ({"keys": [], "more": 1}, "and nothing else"),
        ({"keys": [ENTRY | {"sha256": KEY}]}, "keys[0].sha256"),
        ({"keys": [ENTRY | {"namespaces": []}]}, "keys[0].namespaces"),
        ({"keys": [ENTRY | {"namespaces": ["a.b"]}]}, "keys[0].namespaces.0"),
        ({"keys": [ENTRY | {"requestsPerSecond": 0}]}, "keys[0].requestsPerSecond"),
        ({"keys": [ENTRY | {"key": KEY}]}, "keys[0].key"),
        ({"keys": [ENTRY, ENTRY]}, "the same name or the same hash"),
        ({"keys": ["x"]}, "keys[0]."),
    ],
)
def test_a_wrong_file_of_keys_is_told_with_its_place_and_without_its_values(document: Any, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_keys(document)
    assert refused.value.reason == "BadKeys"
    assert says in refused.value.message
    assert KEY not in refused.value.message


def test_a_key_ring_is_bounded() -> None:
    many = [ApiKey.model_validate(ENTRY | {"name": f"n{i}", "sha256": f"{i:064x}"}) for i in range(10_001)]
    with pytest.raises(Invalid, match="at most 10000"):
        KeyRing(many)


def test_a_rate_is_exact_with_a_burst_and_a_batch_is_paid_for_afterwards() -> None:
    limits = RateLimits()

    def wait(tokens: float, now: float) -> float:
        return limits.wait_seconds("a", rate=10, burst=20, tokens=tokens, now=now)

    assert [wait(10, 0), wait(10, 0)] == [0, 0]
    assert wait(1, 0) == pytest.approx(0.1)
    assert wait(1, 0.1) == 0
    assert wait(100, 2.0) == pytest.approx(0.1)  # it may go when the bucket is full
    assert wait(100, 2.2) == 0
    assert wait(1, 2.2) == pytest.approx(8.1)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 30)), min_size=1, max_size=60))
def test_no_more_passes_than_burst_and_rate_and_one_request_allow(requests: list[tuple[float, int]]) -> None:
    limits, now, passed, largest = RateLimits(), 0.0, 0, 0
    for pause, tokens in requests:
        now += pause
        if limits.wait_seconds("a", rate=5, burst=10, tokens=tokens, now=now) == 0:
            passed += tokens
            largest = max(largest, tokens)
    assert passed <= 10 + 5 * now + largest


def test_the_number_of_buckets_is_bounded() -> None:
    limits = RateLimits()
    for number in range(MAX_BUCKETS + 10):
        limits.wait_seconds(str(number), rate=1, burst=1, tokens=1, now=0)
    assert len(limits._buckets) == MAX_BUCKETS


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (Invalid("NoStream", "x"), 404, None),
        (Invalid("BadJSON", "x"), 400, None),
        (Invalid("EventTooLarge", "x"), 413, None),
        (Invalid("UnknownContentType", "x"), 415, None),
        (Unavailable("StreamFull", "x"), 503, 2),
        (Unavailable("NATSUnreachable", "x"), 503, 2),
        (Unavailable("Other", "x"), 503, 2),
        (Bug("Oops", "secret detail"), 500, None),
    ],
)
def test_every_error_has_an_answer(error: JethookError, status: int, retry: int | None) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.retry_after_seconds) == (status, retry)
    assert problem.document()["title"]
    assert "secret" not in json.dumps(problem.document())
