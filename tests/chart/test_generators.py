"""The generators of the chart's files refuse what they would write wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hack import chart_crds, chart_files, chart_readme

VALUES = """\
# Head of the file.

# Stands alone.
alone: ""

# A group.
group:
  # Its first.
  # In two lines.
  first: {a: 1}
  # Another group.
  inner:
    # Deep.
    deep: []
"""


def test_each_value_gets_a_line_with_its_default_and_its_comment() -> None:
    assert chart_readme.table(VALUES).splitlines() == [
        "| value | default | what for |",
        "|---|---|---|",
        '| `alone` | `""` | Stands alone. |',
        "",
        "### `group`",
        "",
        "A group.",
        "",
        "| value | default | what for |",
        "|---|---|---|",
        "| `group.first` | `{a: 1}` | Its first. In two lines. |",
        "| `group.inner.deep` | `[]` | Deep. |",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bare: 1\n", "values.yaml:1: bare has no comment above it"),
        ("# One.\none: 1\ntwo: 2\n", "values.yaml:3: two has no comment"),
        ("# A list.\nmany:\n  - 1\n", "values.yaml:3: write lists and free maps in flow style"),
    ],
)
def test_values_that_cannot_be_told_are_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        chart_readme.table(text)


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        chart_readme.page("# Nothing\n", table="")


def test_braces_of_a_description_are_printed_by_helm_as_they_are() -> None:
    crd = '# generated\nmetadata:\n  name: x\nspec:\n  description: "{{ .x }}"\n'
    assert '{{ "{{" }} .x }}' in chart_crds.template(crd)


def test_a_crd_with_other_metadata_is_refused() -> None:
    with pytest.raises(ValueError, match=r"adapt hack/chart_crds\.py"):
        chart_crds.template("# generated\nmetadata:\n  name: x\n  labels: {}\nspec: {}\n")


def test_a_check_shows_what_differs_and_a_writing_puts_it_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "left-over.yaml").write_text("old: 1\n")
    expected = {tmp_path / "new.yaml": "new: 1\n"}

    def run(mode: str) -> int:
        return chart_files.main(expected, root=tmp_path, pattern="*.yaml", description="any", arguments=[mode])

    assert run("--check") == 1
    shown = capsys.readouterr().out
    assert "-old: 1" in shown
    assert "+new: 1" in shown
    assert run("--write") == 0
    assert run("--check") == 0
    assert [yaml.safe_load(path.read_text()) for path in tmp_path.iterdir()] == [{"new": 1}]
