"""`traceparent` and `tracestate`: what is valid by W3C Trace Context, and where an event's trace is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.tracing import MAX_TRACESTATE_CHARACTERS, TraceContext, parse_trace, trace_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=count, max_size=count)


def ids(count: int) -> st.SearchStrategy[str]:
    return digits(count).filter(lambda text: set(text) != {"0"})


@pytest.mark.parametrize("given", [VALID, f" {VALID}\t", f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-ff"])
def test_version_00_is_passed_on_as_it_came(given: str) -> None:
    assert parse_trace(given) == TraceContext(given.strip())


def test_a_context_tells_its_parts() -> None:
    context = TraceContext(f"00-{TRACE}-{SPAN}-03", "a=1")
    assert (context.trace_id, context.parent_id, context.flags) == (TRACE, SPAN, 3)
    assert context.headers == (("traceparent", f"00-{TRACE}-{SPAN}-03"), ("tracestate", "a=1"))
    assert TraceContext(VALID).headers == (("traceparent", VALID),)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        "nonsense",
        VALID[:-1],
        f"{VALID}0",
        f"{VALID}-",
        f"{VALID}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01-more",
        f"0-{TRACE}-{SPAN}-01",
        f"0g-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0X",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE[:-1]}\u0661-{SPAN}-01",  # a digit, but none of ASCII
        f"{VALID}\n",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 300}",
        f"cc-{TRACE}-{SPAN}",
        f"cc-{'0' * 32}-{SPAN}-01",
        None,
        True,
        7,
        VALID.encode(),
    ],
)
def test_what_is_no_traceparent_counts_as_none(given: object) -> None:
    assert parse_trace(given, "a=1") is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f"01-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", f"00-{TRACE}-{SPAN}-01"),
        (f"cc-{TRACE}-{SPAN}-01-", f"00-{TRACE}-{SPAN}-01"),
        (f"fe-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-01"),
        (f"01-{TRACE}-{SPAN}-fe", f"00-{TRACE}-{SPAN}-00"),
    ],
)
def test_a_later_version_becomes_00_with_no_flag_but_sampled(given: str, expected: str) -> None:
    assert parse_trace(given) == TraceContext(expected)


@pytest.mark.parametrize(
    "given",
    [
        "rojo=00f067aa0ba902b7",
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "a=1, b=2\t,\tc=3",
        "a=1,,b=2, ,",
        "0tenant@system-1=v,x_y*z/w= leading blank",
        "k=!\"#$%&'()*+-./0123456789:;<>?@[\\]^_`{|}~",
        ",".join(f"k{number}=v" for number in range(32)),
        f"{'k' * 256}={'v' * 255}",
    ],
)
def test_a_valid_tracestate_is_passed_on_as_it_came(given: str) -> None:
    assert parse_trace(VALID, f" {given} ") == TraceContext(VALID, given.strip())


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        ",,",
        "a",
        "a=",
        "=1",
        "a=1=2",
        "A=1",
        "@a=1",
        "a b=1",
        "a=1\nb=2",
        "a=1\x00",
        "a=\u00fc",
        "a=1;b=2=3",
        "good=1,bad",
        ",".join(f"k{number}=v" for number in range(33)),
        f"{'k' * 257}=v",
        f"k={'v' * 257}",
        f"{'k' * 256}={'v' * 256}",  # 513 characters
        None,
        1,
    ],
)
def test_a_tracestate_that_is_not_valid_is_left_out_alone(given: object) -> None:
    assert parse_trace(VALID, given) == TraceContext(VALID)


def test_the_event_counts_before_its_message() -> None:
    found = trace_of(
        {"traceparent": VALID, "tracestate": "a=1"}, {"traceparent": OTHER, "tracestate": "b=2", "Content-Type": "x"}
    )
    assert found == TraceContext(VALID, "a=1")


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_the_headers_of_the_message_count_in_any_case(name: str) -> None:
    headers = {"Content-Type": "application/cloudevents+json", name: OTHER, "TraceState": "b=2"}
    assert trace_of({}, headers) == TraceContext(OTHER, "b=2")


def test_an_event_with_an_invalid_trace_has_that_of_its_message() -> None:
    assert trace_of({"traceparent": "nonsense", "tracestate": "a=1"}, {"traceparent": OTHER}) == TraceContext(OTHER)


@pytest.mark.parametrize(
    "headers", [None, {}, {"Nats-Msg-Id": "1"}, {"traceparent": "nonsense"}, {"tracestate": "a=1"}]
)
def test_an_event_without_a_valid_trace_has_none(headers: dict[str, str] | None) -> None:
    assert trace_of({"tracestate": "a=1", "traceparent": 7}, headers) is None


@given(trace=ids(32), span=ids(16), flags=digits(2))
def test_what_is_read_is_what_is_written(trace: str, span: str, flags: str) -> None:
    context = parse_trace(f"00-{trace}-{span}-{flags}")
    assert context is not None
    assert f"00-{context.trace_id}-{context.parent_id}-{context.flags:02x}" == context.traceparent
    assert parse_trace(*(value for _, value in context.headers)) == context


@given(st.text(max_size=600), st.text(max_size=600))
def test_any_text_is_read_without_an_error_and_never_breaks_a_header(traceparent: str, tracestate: str) -> None:
    assert parse_trace(traceparent) is None or len(traceparent) >= len(VALID)
    context = parse_trace(VALID, tracestate)
    assert context is not None
    assert context.tracestate in ("", tracestate.strip(" \t"))
    assert len(context.tracestate) <= MAX_TRACESTATE_CHARACTERS
    assert context.tracestate.isascii()
    assert all(character.isprintable() or character == "\t" for character in context.tracestate)
