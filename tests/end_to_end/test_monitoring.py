"""What the running product tells a real Prometheus, and that somebody is told when it stops to tell it."""

import importlib.util
import json
import os
import shutil
import urllib.parse
import urllib.request

import pytest

from tests.end_to_end.prometheus import monitoring
from tests.infrastructure.files import ROOT
from tests.infrastructure.test_monitoring import DASHBOARDS, alerts, metrics_used
from tests.processes import wait_until

# Labelled series that the first incident makes, and what would be one. Every other metric is there after a tour.
AFTER_AN_INCIDENT = {
    "codesoft_bundle_load_failures_total": "a bundle that cannot be loaded",
    "codesoft_drift_found": "a look for drift at 200 answers or more",
    "codesoft_drift_size": "a look for drift at 200 answers or more",
    "codesoft_rolled_back": "an automatic roll back",
    "codesoft_version_failures_total": "a version that breaks on a request",
}
MODEL = "wine"
BROKEN = "CodesoftWebDown"

pytestmark = [
    pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed"),
    pytest.mark.skipif(not os.environ.get("TEST_REDIS_URL"), reason="TEST_REDIS_URL names no server"),
]


@pytest.fixture
def watched(product):
    """The product with a server beside it, so that there is something to reach."""
    product.stop()
    product.start(REDIS_URL=os.environ["TEST_REDIS_URL"].rpartition("/")[0] + "/7")
    yield product
    product.stop()


def take_a_tour(product) -> None:
    """What people and programs do: ask, ask wrongly, tell what was right, try something in a form."""
    _, known = product.call(f"models/{MODEL}")
    inputs = dict.fromkeys(known["inputs"], 13.0)
    ids = [product.predict(MODEL, inputs)["predictions"][0]["id"] for _ in range(3)]
    status, _ = product.call(f"models/{MODEL}/predictions", {"inputs": {"alcohol": "much"}})
    assert status == 400
    assert wait_until(lambda: product.call(f"predictions/{ids[-1]}")[0] == 200, 20)
    for prediction in ids:
        status, _ = product.call(f"predictions/{prediction}/feedback", {"label": "class_0"})
        assert status == 201
    try_a_what_if(product, inputs)


def try_a_what_if(product, inputs) -> None:
    """As the form's script sends it."""
    jar = urllib.request.HTTPCookieProcessor()
    browser = urllib.request.build_opener(jar)
    browser.open(f"{product.url}/models/{MODEL}/", timeout=10).read()
    token = next(cookie.value for cookie in jar.cookiejar if cookie.name == "csrftoken")
    body = urllib.parse.urlencode({**inputs, "csrfmiddlewaretoken": token}).encode()
    request = urllib.request.Request(f"{product.url}/models/{MODEL}/what-if/", body, {"Referer": product.url})  # noqa: S310
    assert browser.open(request, timeout=10).status == 200


def dashboard_queries():
    """Every panel's query as `.ci/dashboard_rules.py` spells it for promtool."""
    spec = importlib.util.spec_from_file_location("dashboard_rules", ROOT / ".ci" / "dashboard_rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path in DASHBOARDS:
        yield from module.dashboard_queries(json.loads(path.read_text()))


def test_every_metric_of_a_rule_or_a_panel_is_told_and_an_alert_reaches_a_person(watched, tmp_path):
    take_a_tour(watched)
    targets = {"codesoft-web": watched.metrics_port, "codesoft-dispatcher": watched.dispatcher_metrics_port}
    with monitoring(tmp_path, targets, at_once=BROKEN) as (prometheus, receiver):

        def absent() -> set[str]:
            return {name for name in metrics_used() - AFTER_AN_INCIDENT.keys() if not prometheus.has(name)}

        wait_until(lambda: not absent(), 150, 1.0)  # labels are counted once a minute
        assert absent() == set()
        for title, query in dashboard_queries():
            assert "result" in prometheus.ask("query", query=query), title

        rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == {one["alert"] for one in alerts()}
        assert wait_until(lambda: _all_evaluated(prometheus), 30)
        assert (prometheus.firing(), receiver.alerts) == (set(), []), "nothing is wrong"

        watched.stop()
        assert wait_until(lambda: receiver.alerts, 60), (tmp_path / "log").read_text()
        assert prometheus.firing() == {BROKEN}
        assert {one["labels"]["alertname"] for one in receiver.alerts} == {BROKEN}
        (told,) = {(one["labels"]["severity"], one["annotations"]["runbook_url"]) for one in receiver.alerts}
        assert told == ("critical", f"docs/runbooks/{BROKEN}.md")


def _all_evaluated(prometheus) -> bool:
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert not [rule for rule in rules if rule["health"] == "err"], rules
    return all(rule["health"] == "ok" for rule in rules)
