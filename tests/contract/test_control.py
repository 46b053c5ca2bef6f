"""Requests to the owner of a Subscription: their subjects and records."""

import pytest

from jethook_contract.control import (
    ControlAnswer,
    ControlRequest,
    control_subject,
    control_subjects,
    control_target,
)
from jethook_contract.errors import Invalid
from jethook_contract.subjects import matches


def test_a_subject_names_pool_namespace_and_subscription() -> None:
    subject = control_subject("default", "shop", "order-states")
    assert subject == "jethook.control.default.shop.order-states"
    assert control_target(subject) == ("shop", "order-states")
    assert matches(control_subjects("default"), subject)
    assert not matches(control_subjects("other"), subject)


@pytest.mark.parametrize(
    "names", [("*", "shop", "a"), ("default", "shop.x", "a"), ("default", "shop", ""), ("a", "b", ">")]
)
def test_a_name_that_would_reach_others_is_refused(names: tuple[str, str, str]) -> None:
    with pytest.raises(Invalid, match="BadName"):
        control_subject(*names)


@pytest.mark.parametrize("pool", ["*", "", "a.b"])
def test_a_pool_that_would_hear_others_is_refused(pool: str) -> None:
    with pytest.raises(Invalid, match="BadName"):
        control_subjects(pool)


@pytest.mark.parametrize(
    "subject",
    ["jethook.control.default.shop", "jethook.control.default.shop.a.b", "default.shop.a", "jethook.control.d.Shop.a"],
)
def test_another_subject_is_no_target(subject: str) -> None:
    with pytest.raises(Invalid, match="BadSubject"):
        control_target(subject)


def test_records_come_back_as_they_went() -> None:
    question = ControlRequest(action="Skip", key="grün \0 .*>")
    assert ControlRequest.decode(question.encode()) == question
    answer = ControlAnswer(done=True, reason="Skipped", message="done")
    assert ControlAnswer.decode(answer.encode()) == answer


@pytest.mark.parametrize(
    "data",
    [
        b'{"action":"Purge","key":"a"}',
        b'{"action":"Skip"}',
        b'{"action":"Skip","key":"a","more":1}',
        b'{"version":2,"action":"Skip","key":"a"}',
        b'{"action":"Skip","key":"' + b"k" * 1025 + b'"}',
        b"",
    ],
    ids=["another action", "no key", "an unknown field", "another version", "a long key", "nothing"],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="BadRecord"):
        ControlRequest.decode(data)


@pytest.mark.parametrize("fields", [{"reason": ""}, {"reason": "not parked"}, {"message": "x" * 4097}])
def test_what_is_no_answer_is_refused(fields: dict[str, str]) -> None:
    whole = {"done": False, "reason": "NotParked", "message": "m"} | fields
    with pytest.raises(ValueError, match="1 validation error"):
        ControlAnswer.model_validate(whole)
