"""Every alert can be read by Prometheus, asks for metrics and labels that there are, and says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from promql_parser import AggModifierType, AggregateExpr, BinaryExpr, Expr, VectorSelector

from jethook_dispatcher.core.metric_families import ENDPOINT_FAMILIES, PROCESS_FAMILIES
from jethook_operator.core.metric_families import FAMILIES
from tests.chart.chart import CHART, HERE, find, render

RULES = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
CATALOGUE = {family.name: family for family in (*ENDPOINT_FAMILIES, *PROCESS_FAMILIES, *FAMILIES)}
OF_TARGETS = {"instance", "job"}  # Prometheus adds them
FUNCTIONS = {"humanizeDuration", "humanizePercentage"}  # those of Prometheus' templates that are used


def _alerts() -> Iterator[Any]:
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule, id=rule["alert"])


EACH_ALERT = pytest.mark.parametrize("rule", list(_alerts()))


@EACH_ALERT
def test_an_alert_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    selectors = [node for node in _nodes(promql_parser.parse(rule["expr"])) if isinstance(node, VectorSelector)]
    assert selectors
    for selector in selectors:
        family = CATALOGUE[selector.name or ""]
        for matcher in selector.matchers.matchers:
            assert matcher.name in {*family.labels, *OF_TARGETS}, f"{selector.name} has no label {matcher.name}"
    known = {label for one in selectors for label in CATALOGUE[one.name or ""].labels} | OF_TARGETS
    assert _kept(promql_parser.parse(rule["expr"])) <= known


@EACH_ALERT
def test_the_words_of_an_alert_use_labels_that_its_result_has(rule: dict[str, Any]) -> None:
    parsed = promql_parser.parse(rule["expr"])
    (family, *_) = [CATALOGUE[node.name or ""] for node in _nodes(parsed) if isinstance(node, VectorSelector)]
    kept = _kept(parsed) if _aggregates(parsed) else {*family.labels, *OF_TARGETS}
    for text in rule["annotations"].values():
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= kept
        assert set(re.findall(r"\| (\w+)", text)) <= FUNCTIONS
        assert text.count("{{") == text.count("}}")


@EACH_ALERT
def test_an_alert_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Jethook[A-Z]\w+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert len(rule["annotations"]["runbook"].split()) >= 10
    assert rule["annotations"]["description"].endswith(".")


@EACH_ALERT
def test_an_alert_compares_or_looks_for_absence(rule: dict[str, Any]) -> None:
    parsed = promql_parser.parse(rule["expr"])
    assert isinstance(parsed, BinaryExpr) or rule["expr"].startswith("absent(")


def test_the_names_are_unique() -> None:
    names = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]
    assert len(set(names)) == len(names)


def test_the_chart_passes_the_rules_on_as_they_are() -> None:
    rendered = render(HERE / "values" / "monitored.yaml")
    assert find(rendered, "PrometheusRule", "jethook")["spec"] == RULES


def test_the_chart_passes_the_dashboards_on_as_they_are() -> None:
    data = find(render(HERE / "values" / "monitored.yaml"), "ConfigMap", "jethook-dashboards")["data"]
    files = {path.name: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    assert files
    assert {name: text.strip() for name, text in data.items()} == {name: text.strip() for name, text in files.items()}


def _nodes(expression: Expr) -> list[Expr]:
    found: list[Expr] = []
    promql_parser.walk(expression, found.append)
    return found


def _aggregates(expression: Expr) -> bool:
    return any(isinstance(node, AggregateExpr) for node in _nodes(expression))


def _kept(expression: Expr) -> set[str]:
    """Name the labels that every aggregation leaves."""
    clauses = [set(node.modifier.labels) if node.modifier and node.modifier.type == AggModifierType.By else set()
               for node in _nodes(expression) if isinstance(node, AggregateExpr)]  # fmt: skip
    return set.intersection(*clauses) if clauses else set()
