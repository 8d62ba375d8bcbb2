"""Queries of the dashboard and of the alerts ask for what the service exports, and the documentation lists it."""

import json
import re
import subprocess
from collections.abc import Iterator

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from tests.services import ROOT, require_program
from watchtime import metrics
from watchtime.monitoring import Monitor, Progress

pytestmark = pytest.mark.django_db(transaction=True)
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "watch-time.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGET_LABELS = {"job", "instance"}  # added by Prometheus at the scrape
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def exported() -> dict[str, tuple[str, set[str]]]:
    """Return each metric's type and labels by its name."""
    own = {
        metric._name: (metric._type, set(metric._labelnames))
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }
    asked = {
        family.name: (family.type, {label for sample in family.samples for label in sample.labels})
        for family in Monitor(Progress(limit=30)).collect()
    }
    process = {family.name: (family.type, set[str]()) for family in REGISTRY.collect() if family.name not in own}
    return own | asked | process


def series() -> dict[str, set[str]]:
    """Return the labels of each series by its name, as queries have it."""
    return {
        name + suffix: labels | ({"le"} if suffix == "_bucket" else set())
        for name, (kind, labels) in exported().items()
        for suffix in SUFFIXES.get(kind, [""])
    }


def queries() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def asked(query: str) -> tuple[dict[str, set[str]], set[str]]:
    """Return the series that a query selects with the labels that it matches, and those that it groups by."""
    selected: dict[str, set[str]] = {}
    grouped: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            matched = {matcher.name for matcher in node.matchers.matchers}
            selected.setdefault(node.name, set()).update(matched)
        elif isinstance(node, promql_parser.MatrixSelector):
            visit(node.vector_selector)
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            grouped.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(query), visit)
    return selected, grouped


def unknown(query: str) -> list[str]:
    """Return what a query asks for that nobody exports."""
    known = series() | {"up": set[str]()}
    selected, grouped = asked(query)
    wrong = [name for name in selected if name not in known]
    labels = set().union(*(known.get(name, set()) for name in selected)) | TARGET_LABELS
    wrong += [
        f"{name}{{{label}}}"
        for name, matched in selected.items()
        for label in matched - known.get(name, set()) - TARGET_LABELS
    ]
    return wrong + sorted(grouped - labels)


def test_each_query_asks_for_what_is_exported() -> None:
    asked_for = [*queries()]
    assert len(asked_for) > 35
    assert {title: wrong for title, query in asked_for if (wrong := unknown(query))} == {}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("rate(watchtime_events_publish_total[5m])", ["watchtime_events_publish_total"]),
        ('max(watchtime_queue_messages{name="dead"})', ["watchtime_queue_messages{name}"]),
        ("sum by (user) (rate(watchtime_requests_total[5m]))", ["user"]),
        ("sum by (le) (rate(watchtime_fold_seconds_count[5m]))", ["le"]),
    ],
)
def test_a_query_for_anything_else_would_be_found(query: str, wrong: list[str]) -> None:
    assert unknown(query) == wrong


def test_the_documentation_lists_what_is_exported() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in re.findall(r"^\| `(watchtime_\w+)` \| (\w+) \| (.*?) ?\|", page, re.MULTILINE)
    }
    ours = {
        name + ("_total" if kind == "counter" else ""): (kind, labels)
        for name, (kind, labels) in exported().items()
        if name.startswith("watchtime_")
    }
    assert listed == ours


def test_each_alert_has_a_section_in_the_runbook() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    sections = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    assert sections == {rule["alert"] for rule in RULES}
    assert all(rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}" for rule in RULES)


def test_prometheus_takes_the_rules_and_each_alert_fires_when_it_should() -> None:
    promtool = require_program("promtool")
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([promtool, "check", "config", "prometheus.yml"], cwd=PROMETHEUS, check=True, capture_output=True)


def test_no_two_panels_lie_on_each_other() -> None:
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
