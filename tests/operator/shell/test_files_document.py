"""One YAML file: what is read, and what is refused with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jethook_contract.errors import Invalid
from jethook_operator.core.resources import SecretValue
from jethook_operator.shell.files_document import MAX_FILE_BYTES, Document, read_documents

ENDPOINT = """\
apiVersion: jethook.io/v1alpha1
kind: WebhookEndpoint
metadata: {name: orders}
spec: {url: "https://a.example/x"}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: keys, labels: {jethook.io/use: "true"}}
"""


def read(text: str | bytes) -> tuple[Document, ...]:
    data = text if isinstance(text, bytes) else text.encode()
    return read_documents(data, file="f.yaml", pool_namespace="jethook-system")


def raw(document: Document) -> dict[str, object]:
    assert not isinstance(document.content, SecretValue)
    return document.content


def generation(text: str) -> int:
    metadata = raw(read(text)[0])["metadata"]
    assert isinstance(metadata, dict)
    return int(metadata["generation"])


def test_several_documents_carry_the_lines_where_they_start() -> None:
    found = read(f"# a comment\n{ENDPOINT}---\n---\n{SECRET}")
    assert [(one.place, one.key.kind, one.key.namespace, one.key.name) for one in found] == [
        ("f.yaml:2", "WebhookEndpoint", "default", "orders"),
        ("f.yaml:7", "Secret", "default", "keys"),
    ]


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n"])
def test_an_empty_file_and_a_namespace_hold_no_object(text: str) -> None:
    assert read(text) == ()


def test_a_pool_lives_in_the_operators_namespace() -> None:
    text = "apiVersion: jethook.io/v1alpha1\nkind: DispatcherPool\nmetadata: {name: default}\n"
    assert read(text)[0].key.namespace == "jethook-system"
    with pytest.raises(Invalid, match="pools live in jethook-system"):
        read(text.replace("{name: default}", "{name: default, namespace: tenant}"))


def test_the_generation_is_of_the_spec_alone_and_of_its_meaning() -> None:
    spaced = "---\n\n" + ENDPOINT.replace("spec: {url:", "spec:\n  {  url:")
    labelled = ENDPOINT.replace("{name: orders}", "{name: orders, labels: {a: b}}")
    assert generation(ENDPOINT) == generation(spaced) == generation(labelled)
    assert generation(ENDPOINT) != generation(ENDPOINT.replace("/x", "/y"))


@given(st.integers(0, 10**9))
def test_a_generation_is_exact_in_json(number: int) -> None:
    assert 0 <= generation(ENDPOINT.replace("/x", f"/{number}")) <= 2**53


def test_string_data_wins_over_data() -> None:
    found = read(f"{SECRET}data: {{current: b2xk, previous: b2xk}}\nstringData: {{current: new}}\n")[0].content
    assert isinstance(found, SecretValue)
    values = {name: value.get_secret_value() for name, value in found.data.items()}
    assert values == {"current": "new", "previous": "old"}


@pytest.mark.parametrize("labels", ['{jethook.io/use: "false"}', "{}", "{jethook.io/use: true}"])
def test_a_secret_without_the_label_has_no_data(labels: str) -> None:
    text = SECRET.replace('{jethook.io/use: "true"}', labels) + "stringData: {current: hush}\n"
    found = read(text)[0].content
    assert isinstance(found, SecretValue)
    assert not found.labelled
    assert not found.data


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{ENDPOINT}---\nkind: [", r"f\.yaml:7: no YAML"),
        (f"{ENDPOINT}---\nkind: Deployment\napiVersion: apps/v1\n", r"f\.yaml:5: apps/v1 Deployment is unknown"),
        (ENDPOINT.replace("v1alpha1", "v9"), r"f\.yaml:1: jethook.io/v9 WebhookEndpoint is unknown"),
        (ENDPOINT.replace("{name: orders}", "{}"), r"f\.yaml:1: metadata\.name"),
        (ENDPOINT.replace("{name: orders}", "{name: 'a b'}"), r"f\.yaml:1: metadata\.name"),
        (ENDPOINT.replace("{name: orders}", "{name: orders, namespace: a.>}"), r"f\.yaml:1: metadata\.namespace"),
        (ENDPOINT.replace("{name: orders}", "[]"), "an object is a mapping"),
        ("- a\n- b\n", "an object is a mapping"),
        ("just text\n", "an object is a mapping"),
        ("1: x\n", "an object is a mapping with texts as keys"),
        (BOMB, r"f\.yaml:2: aliases are not read"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper"),
        ("x: !!python/object/apply:os.getcwd []\n", "no YAML"),
        (b"kind: \xff\n", "no UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), "at most"),
        (ENDPOINT + "kind: Subscription\n", r"f\.yaml:5: no YAML: key 'kind' stands twice in one mapping; remove one"),
        ("---\n" + ENDPOINT.replace("/x", '/x", "url": "/y'), r"f\.yaml:5: no YAML: key 'url' stands twice"),
        (f"{SECRET}stringData:\n  current: hush\n  'current': hash\n", r"f\.yaml:6: no YAML: key 'current' stands"),
        (f"{SECRET}data: {{current: '***'}}\n", "not every value is base64"),
        (f"{SECRET}stringData: {{current: 5}}\n", "must be a text"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(text: str | bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        read(text)


def test_equal_keys_of_different_mappings_are_no_repetition() -> None:
    text = ENDPOINT + "  headers: [{name: a, value: b}, {name: c, value: d}]\n".replace("  headers", "status")
    assert read(text)[0].key.name == "orders"


def test_a_refusal_never_repeats_the_value_of_a_secret() -> None:
    with pytest.raises(Invalid) as refused:
        read(f"{SECRET}stringData: {{current: [hush-hush]}}\n")
    assert "hush" not in refused.value.message
