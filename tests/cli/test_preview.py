"""`jethook preview` shows what would be sent, and nothing that is secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import SecretStr
from typer.testing import CliRunner

from jethook_cli.preview import preview_command
from jethook_contract.errors import Invalid
from jethook_contract.verification import verify

app = typer.Typer()
app.command()(preview_command)

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OBJECTS = f"""
apiVersion: v1
kind: Secret
metadata: {{name: keys, labels: {{jethook.io/use: "true"}}}}
stringData: {{current: {KEY}, token: very-secret}}
---
apiVersion: jethook.io/v1alpha1
kind: WebhookEndpoint
metadata: {{name: crm}}
spec:
  url: https://crm.example.com/in?token=hush
  headers:
  - {{name: X-Team, value: shop}}
  - {{name: X-Key, valueFrom: {{secretKeyRef: {{name: keys, key: token}}}}}}
  signing: [{{scheme: StandardWebhooks, secretRef: {{name: keys}}}}]
---
apiVersion: jethook.io/v1alpha1
kind: Subscription
metadata: {{name: orders}}
spec:
  endpointRef: {{name: crm}}
  eventTypes: [com.example.order.**]
  filter: {{cel: event.data.amount > 10}}
  format: Data
  bindings: [{{name: amount, from: event.data.amount, type: Integer}}]
  transform: {{template: {{text: "${{bindings.amount}} EUR"}}}}
"""


def event(number: int, *, data: Any, event_type: str = "com.example.order.paid") -> str:
    return json.dumps({"specversion": "1.0", "id": f"e-{number}", "source": "/s", "type": event_type, "data": data})


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def run(*events: str, objects: str = OBJECTS, arguments: tuple[str, ...] = ()) -> tuple[int, str]:
        (tmp_path / "objects.yaml").write_text(objects)
        (tmp_path / "events").write_text("\n".join(events))
        given = ["-f", str(tmp_path / "objects.yaml"), "--event", str(tmp_path / "events"), *arguments]
        result = CliRunner().invoke(app, given)
        if isinstance(result.exception, Invalid):
            return 1, result.exception.message
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout

    return run


def test_it_shows_the_request_with_a_signature_that_verifies(run: Any) -> None:
    code, text = run(event(1, data={"amount": 12}))
    head, _, body = text.rstrip("\n").partition("\n\n")
    lines = head.splitlines()
    assert (code, body) == (0, '{"text":"12 EUR"}')
    assert lines[:2] == ["# default/orders: event e-1: sent", "POST https://crm.example.com/in?(hidden)"]
    headers = dict(line.split(": ", 1) for line in lines[2:])
    assert (headers["X-Team"], headers["X-Key"], headers["content-type"]) == ("shop", "(hidden)", "application/json")
    verify(headers, body.encode(), keys=[SecretStr(KEY)], now=int(headers["webhook-timestamp"]))
    assert "hush" not in text
    assert "very-secret" not in text


def test_each_event_has_its_own_fate_and_a_dead_letter_fails_the_command(run: Any) -> None:
    events = (event(1, data={"amount": 5}), event(2, data={"amount": 11.5}), event(3, data={}, event_type="other"))
    code, text = run(*events, arguments=("-o", "json"))
    rows = [json.loads(line) for line in text.splitlines()]
    assert code == 1
    assert [(row["event"], row["verdict"], row["reason"]) for row in rows] == [
        ("e-1", "NotWanted", "Filter"),
        ("e-2", "DeadLetter", "BindingFailed"),
        ("e-3", "NotWanted", "EventType"),
    ]


def test_an_event_over_many_lines_is_one_event(run: Any) -> None:
    pretty = json.dumps(json.loads(event(1, data={"amount": 12})), indent=2)
    assert run(pretty)[0] == 0


def test_without_the_endpoint_it_shows_the_body_and_why_it_waits(run: Any) -> None:
    objects = OBJECTS.split("---")[2]
    code, text = run(event(1, data={"amount": 12}), objects=objects)
    assert code == 0
    assert text.startswith("# default/orders: event e-1: waits (EndpointNotFound): ")
    assert text.endswith('{"text":"12 EUR"}\n')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("event.data.amount > 10", "event.data.amount >"), "spec.filter.cel: the CEL expression cannot be used"),
        (("${bindings.amount}", "${bindings.}"), "spec.transform.template: at .text: "),
        (("format: Data", "form: Data"), "spec.form: unknown field"),
        (("kind: Subscription", "kind: WebhookEndpoint"), "the files hold no Subscription"),
    ],
)
def test_wrong_objects_are_told_with_the_field(run: Any, change: tuple[str, str], says: str) -> None:
    code, message = run(event(1, data={}), objects=OBJECTS.replace(*change))
    assert code == 1
    assert says in message


def test_wrong_events_and_files_are_told_with_their_place(run: Any) -> None:
    assert "events: event 2: " in run(event(1, data={}), '{"specversion": "1.0"}')[1]
    assert "nowhere: it cannot be read" in run(event(1, data={}), arguments=("--event", "nowhere"))[1]
    assert "no Subscription 'other'" in run(event(1, data={}), arguments=("other",))[1]
