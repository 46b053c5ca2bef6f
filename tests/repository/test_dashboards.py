"""The dashboards, and the page on metrics, ask for what the processes really tell.

Every expression is parsed, and each metric and label in it is looked for in the `/metrics` of a real operator and a
real dispatcher that have delivered, failed, throttled and buried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import promql_parser
import pytest
from promql_parser import AggModifierType, AggregateExpr, Expr, MatchOp, VectorSelector

from jethook_contract.metric_families import Family
from jethook_dispatcher.core.metric_families import ENDPOINT_FAMILIES, PROCESS_FAMILIES
from jethook_operator.core.metric_families import FAMILIES, OF_KUBERNETES, OF_POOLS
from tests.fixtures.scraping import Scrape
from tests.repository.files import ROOT
from tests.repository.telling import Told, told

__all__ = ["told"]

FOLDER = ROOT / "charts" / "jethook" / "dashboards"
PAGE = ROOT / "docs" / "observability.md"
DISPATCHER = {family.name: family for family in (*ENDPOINT_FAMILIES, *PROCESS_FAMILIES)}
OPERATOR = {family.name: family for family in FAMILIES}
CATALOGUE = DISPATCHER | OPERATOR
SILENT = {family.name for family in OF_KUBERNETES}
OF_TARGETS = {"instance", "job"}  # Prometheus adds them
_INTERVAL = re.compile(r"\$__(rate_)?interval")


def _panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def _dashboards() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def _queries() -> Iterator[Any]:
    """Give each expression with its legend, and a name for the test."""
    for name, dashboard in _dashboards().items():
        for panel in _panels(dashboard):
            for target in panel.get("targets", []):
                test_id = f"{name}: {panel['title']} {target['refId']}"
                yield pytest.param(target["expr"], target["legendFormat"], id=test_id)
    for number, block in enumerate(re.findall(r"```promql\n(.*?)```", PAGE.read_text(), re.DOTALL)):
        for line in block.strip().splitlines():
            yield pytest.param(line, "__auto", id=f"{PAGE.name} {number}: {line[:40]}")


def _variables() -> Iterator[Any]:
    for name, dashboard in _dashboards().items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield pytest.param(variable["query"]["query"], id=f"{name}: {variable['name']}")


def _parsed(expression: str) -> Expr:
    return promql_parser.parse(_INTERVAL.sub("5m", expression))


def _nodes(expression: Expr) -> list[Expr]:
    found: list[Expr] = []
    promql_parser.walk(expression, found.append)
    return found


def _selectors(expression: Expr) -> list[VectorSelector]:
    return [node for node in _nodes(expression) if isinstance(node, VectorSelector)]


def _documented(sample: str) -> list[str]:
    """Give the words of a metric's help: it names values that a healthy process does not show."""
    family = CATALOGUE.get(sample.removesuffix("_bucket"))
    return re.findall(r"\w+", family.help) if family else []


def _kept_labels(expression: Expr) -> set[str]:
    """Name the labels by which the result may be told apart; those of the series where nothing aggregates."""
    clauses = [set(node.modifier.labels) for node in _nodes(expression) if isinstance(node, AggregateExpr)
               and node.modifier is not None and node.modifier.type == AggModifierType.By]  # fmt: skip
    return set.union(*clauses) if clauses else set()


@pytest.mark.component
@pytest.mark.parametrize(("expression", "legend"), list(_queries()))
def test_an_expression_asks_for_metrics_and_labels_that_are_told(told: Told, expression: str, legend: str) -> None:
    parsed = _parsed(expression)
    selectors = _selectors(parsed)
    assert selectors
    labels = set(OF_TARGETS)
    for selector in selectors:
        series = told.series(selector.name or "")
        assert series, f"nobody tells {selector.name}"
        had = {label for one in series for label in one}
        labels |= had
        for matcher in selector.matchers.matchers:
            assert matcher.name in had, f"{selector.name} has no label {matcher.name}"
            if "$" not in matcher.value and selector.name not in SILENT:
                values = [*(one[matcher.name] for one in series), *_documented(selector.name or "")]
                assert any(_matches(matcher, value) for value in values), f"{matcher} holds for nothing"
    assert _kept_labels(parsed) <= labels
    shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
    assert shown <= (_kept_labels(parsed) or labels), "the legend names a label that the result does not have"


@pytest.mark.component
@pytest.mark.parametrize("query", list(_variables()))
def test_a_variable_lists_the_values_of_a_label_that_is_told(told: Told, query: str) -> None:
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()  # type: ignore[union-attr]
    (parsed,) = _selectors(_parsed(selector))
    assert all(label in one for one in told.series(parsed.name or ""))


@pytest.mark.component
@pytest.mark.parametrize("family", list(CATALOGUE.values()), ids=lambda family: family.name)
def test_a_family_is_told_with_its_help_type_and_labels(told: Told, family: Family) -> None:
    scrape = told.dispatcher if family.name in DISPATCHER else told.operator
    metric = scrape.families[family.name]
    assert (metric.type, metric.documentation) == (family.kind, family.help)
    assert metric.samples or family in OF_KUBERNETES, "the work of this test brings no such series"
    for sample in metric.samples:
        assert set(sample.labels) - {"le"} == set(family.labels)


@pytest.mark.component
def test_nothing_is_told_that_is_not_in_the_catalogue(told: Told) -> None:
    names = {name for scrape in (told.dispatcher, told.operator) for name in scrape.families}
    assert {name for name in names if name.startswith("jethook_")} == set(CATALOGUE)
    assert {name.partition("_")[0] for name in names} == {"jethook", "process", "python"}


@pytest.mark.component
def test_no_series_names_an_event_a_url_or_a_message(told: Told) -> None:
    for scrape in (told.dispatcher, told.operator):
        for name, labels, _ in scrape.samples():
            for value in labels.values():
                assert re.fullmatch(r"[A-Za-z0-9_.+-]{0,63}", value), f"{name}: {value}"


@pytest.mark.component
def test_the_number_of_series_is_bounded(told: Told) -> None:
    assert len(told.operator.samples()) < 300
    endpoints = len(told.dispatcher.endpoints)
    of_endpoints = [1 for _, labels, _ in told.dispatcher.samples() if "endpoint" in labels]
    assert len(of_endpoints) <= 40 * endpoints
    assert len(told.dispatcher.samples()) - len(of_endpoints) < 100


@pytest.mark.parametrize("family", list(CATALOGUE.values()), ids=lambda family: family.name)
def test_a_name_follows_the_conventions_of_prometheus(family: Family) -> None:
    part = "dispatcher" if family.name in DISPATCHER else "pool" if family in OF_POOLS else "operator"
    assert re.fullmatch(rf"jethook_{part}_[a-z]+(_[a-z]+)*", family.name)
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert not re.search(r"_(milliseconds|ms|minutes|hours|percent|kilobytes|mebibytes|count|sum|bucket)", family.name)
    if family.kind == "histogram":
        assert family.name.endswith(("_seconds", "_bytes"))
    if family.name.endswith("_info"):
        assert family.kind == "gauge"
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) and label != "le" for label in family.labels)
    assert family.help.endswith(".")
    assert family.help[0].isupper() or family.help[0].isdigit()


@pytest.mark.parametrize("dashboard", list(_dashboards().values()), ids=list(_dashboards()))
def test_a_dashboard_can_be_imported_anywhere(dashboard: Mapping[str, Any]) -> None:
    panels = list(_panels(dashboard))
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    for panel in panels:
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["datasource"]["uid"] == "${datasource}"
            assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
    assert not _overlapping([panel["gridPos"] for panel in panels])


def test_every_family_has_a_place_on_a_dashboard() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.json"))
    missing = {name for name in CATALOGUE if not re.search(rf"{name}(_bucket)?\b", text)}
    assert missing == set()


def _overlapping(grids: list[dict[str, int]]) -> bool:
    cells = sorted((y, x) for grid in grids for y in range(grid["y"], grid["y"] + grid["h"])
                   for x in range(grid["x"], grid["x"] + grid["w"]))  # fmt: skip
    return any(one == other for one, other in pairwise(cells))


def _matches(matcher: promql_parser.Matcher, value: str) -> bool:
    if matcher.op == MatchOp.Equal:
        return value == matcher.value
    if matcher.op == MatchOp.NotEqual:
        return value != matcher.value
    found = re.fullmatch(matcher.value, value) is not None
    return found == (matcher.op == MatchOp.Re)


def test_the_check_would_notice_a_metric_that_nobody_tells() -> None:
    scrape = Scrape("# TYPE a gauge\na 1\n")
    assert Told(scrape, scrape, ()).series("b") == []
