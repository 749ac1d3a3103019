"""Alerts, dashboards and provisioning against the metrics that the application has.

That the running application tells them all: `tests/end_to_end/test_monitoring.py`.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.files import MONITORING, ROOT, load_yaml

DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)

# From django-prometheus and Prometheus itself: names of other projects, hence a list.
FOREIGN_METRICS = {
    "django_http_responses_total_by_status_view_method_total",
    "django_http_requests_latency_seconds_by_view_method_bucket",
    "up",
}

METRIC = re.compile(r"(?<![\w:])(?:codesoft|django)_\w+")


def declared_metrics() -> set[str]:
    """Every metric name that our code spells, with the series that its kind adds."""
    names: set[str] = set()
    for package in ("codesoft", "predictions", "registry_ui"):
        for source in (ROOT / package).rglob("*.py"):
            names |= set(re.findall(r'"(codesoft_[a-z_]+)"', source.read_text()))
    return names | {f"{name}_{ending}" for name in names for ending in ("bucket", "sum", "count", "total")}


def rules() -> list[dict[str, Any]]:
    return [rule for group in load_yaml(MONITORING / "rules.yaml")["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels(dashboard: Path) -> list[dict[str, Any]]:
    return list(json.loads(dashboard.read_text())["panels"])


def queries() -> list[str]:
    """Of every rule, every panel and every variable."""
    asked = [rule["expr"] for rule in rules()]
    for dashboard in DASHBOARDS:
        asked += [target["expr"] for panel in panels(dashboard) for target in panel.get("targets", [])]
        asked += [one["definition"] for one in json.loads(dashboard.read_text())["templating"]["list"]]
    return asked


def metrics_used() -> set[str]:
    return {name for query in queries() for name in METRIC.findall(query)}


def test_every_metric_in_rules_and_dashboards_is_one_that_the_application_has() -> None:
    assert metrics_used()
    assert metrics_used() <= declared_metrics() | FOREIGN_METRICS


def test_every_recorded_series_in_use_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for query in queries() for name in re.findall(r"codesoft:[\w:]+", query)}
    assert used == recorded


def test_every_django_metric_name_is_exported_by_django_prometheus() -> None:
    metrics = pytest.importorskip("django_prometheus.middleware").Metrics.get_instance()
    exported = {sample.name for metric in vars(metrics).values() for sample in _samples(metric)}
    assert {name for name in FOREIGN_METRICS if name.startswith("django_")} <= exported


def _samples(metric: Any) -> list[Any]:
    """Names that a metric would export; labelled ones have no sample before their first use, so they get one."""
    if metric._labelnames:
        metric = metric.__class__(
            metric._name, "copy", labelnames=metric._labelnames, registry=None, **_buckets(metric)
        )
        metric.labels(*["x"] * len(metric._labelnames))
    return [sample for family in metric.collect() for sample in family.samples]


def _buckets(metric: Any) -> dict[str, Any]:
    return {"buckets": metric._kwargs["buckets"]} if "buckets" in metric._kwargs else {}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_alert_tells_the_operator_what_it_is_and_has_a_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    runbook = ROOT / alert["annotations"]["runbook_url"]
    assert runbook == ROOT / "docs" / "runbooks" / f"{alert['alert']}.md"
    sections = re.findall(r"^## (.+)$", runbook.read_text(), flags=re.MULTILINE)
    assert sections == ["What users notice", "Look first", "Do", "Afterwards"]


def test_every_alert_has_a_firing_case_in_the_rule_tests() -> None:
    cases = [case for test in load_yaml(MONITORING / "rules-test.yaml")["tests"] for case in test["alert_rule_test"]]
    firing = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert firing == {alert["alert"] for alert in alerts()}


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("Codesoft*.md")}
    assert pages == {alert["alert"] for alert in alerts()}


PANELS = re.compile(r"[Pp]anels? \*([^*]+)\*(?: and \*([^*]+)\*)? \(\*([^*]+)\*\)")


def test_every_panel_that_a_runbook_names_stands_on_that_dashboard() -> None:
    titles = {path: json.loads(path.read_text())["title"].removeprefix("Codesoft: ") for path in DASHBOARDS}
    drawn = {(panel["title"], titles[path]) for path in DASHBOARDS for panel in panels(path)}
    text = "".join(page.read_text() for page in (ROOT / "docs" / "runbooks").glob("Codesoft*.md"))
    named = {(title, where) for *both, where in PANELS.findall(text) for title in both if title}
    assert len(PANELS.findall(text)) == len(re.findall(r"(?<!the )[Pp]anels? \*", text)), "*title* (*dashboard*)"
    assert named <= drawn


def test_spool_alert_knows_the_spool_limit_of_the_settings() -> None:
    limit = re.search(r'"SPOOL_LIMIT_BYTES", ([\d *]+)\)', (ROOT / "codesoft" / "settings.py").read_text())
    assert limit
    factors = re.findall(r"\d+", limit[1].replace("2**20", "1048576"))
    expected = int(factors[0]) * int(factors[1])
    (alert,) = [alert for alert in alerts() if alert["alert"] == "CodesoftSpoolNearlyFull"]
    assert f"0.8 * {expected}" in alert["expr"]


def test_there_are_four_dashboards_with_names_of_their_own() -> None:
    assert [path.stem for path in DASHBOARDS] == ["model", "overview", "pipeline", "system"]
    assert len({json.loads(path.read_text())["uid"] for path in DASHBOARDS}) == len(DASHBOARDS)
    generated = load_yaml(MONITORING / "kustomization.yaml")["configMapGenerator"]
    (files,) = (one["files"] for one in generated if "dashboard" in one["name"])
    assert sorted(Path(file).name for file in files) == [path.name for path in DASHBOARDS]


@each_dashboard
def test_dashboard_panels_have_their_own_ids_and_the_provisioned_data_source(dashboard: Path) -> None:
    source = load_yaml(MONITORING / "grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
    assert max(Counter(panel["id"] for panel in panels(dashboard)).values()) == 1
    shown = [panel for panel in panels(dashboard) if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in shown} == {source["uid"]}
    assert all(panel["targets"] for panel in shown)


@each_dashboard
def test_dashboard_panels_do_not_overlap(dashboard: Path) -> None:
    cells = Counter(
        (x, y)
        for position in (panel["gridPos"] for panel in panels(dashboard))
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    )
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < 24


def test_compose_mounts_the_dashboards_where_grafana_is_told_to_look() -> None:
    provider = load_yaml(MONITORING / "grafana/provisioning/dashboards/codesoft.yaml")["providers"][0]
    mounts = load_yaml(ROOT / "compose.yaml")["services"]["grafana"]["volumes"]
    targets = {Path(source): target for source, target, *_ in (mount.split(":") for mount in mounts)}
    assert targets[Path("k8s/monitoring/grafana/dashboards")] == provider["options"]["path"]
