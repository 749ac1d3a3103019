"""The prediction log in the admin: whose rows one sees, what filters find, and what leaves as text."""

import csv
import io
import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from predictions.models import Deployment, Feedback, Observation, Prediction
from registry_ui.admin.predictions import BoundedPaginator
from registry_ui.services.deployments import deployment_ensure
from tests.registry_ui.conftest import member

pytestmark = pytest.mark.django_db
LIST = "/admin/predictions/prediction/"


def logged(model: str, **changes: Any) -> Prediction:
    row = {
        "id": uuid4(), "created_at": timezone.now(), "model": model, "version": 1, "bundle": "", "route": "champion",
        "inputs": {"text": "=1+1"}, "input_hash": "c" * 64, "label": "yes", "probability": 0.9, "latency_us": 9,
        "caller": "anna",
    }  # fmt: skip
    return Prediction.objects.create(**{**row, **changes})


@pytest.fixture
def rows() -> list[Prediction]:
    for model in ("fruit", "nuts"):
        deployment_ensure(model=model)
        Observation.objects.create(model=model, kind="x", subject=model, message="y")
    Observation.objects.create(kind="x", subject="of no model", message="y")
    return [
        logged("fruit", label="no", route="canary", version=2, entity_id="crate 7"),
        logged("fruit", caller="=cmd()"),
        logged("nuts", caller="bob"),
    ]


@pytest.fixture
def of_fruit(rows: list[Prediction], client: Client) -> Client:
    """Somebody with one permission, on one model."""
    gus = member("gus")
    assign_perm("request_deployment", gus, Deployment.objects.get(model="fruit"))
    client.force_login(User.objects.get(pk=gus.pk))
    return client


def shown(client: Client, address: str = LIST, **asked: str) -> set[Any]:
    return {row.pk for row in client.get(address, asked).context["cl"].result_list}


def test_a_permission_on_one_model_shows_its_rows_everywhere_and_no_others(
    of_fruit: Client, rows: list[Prediction]
) -> None:
    assert shown(of_fruit) == {rows[0].pk, rows[1].pk}
    assert shown(of_fruit, q=str(rows[2].pk)) == set()
    assert [of_fruit.get(f"{LIST}{row.pk}/change/").status_code for row in rows] == [200, 200, 403]
    assert of_fruit.post(f"{LIST}{rows[2].pk}/verify/").status_code == 403
    page = of_fruit.get(LIST).content.decode()
    assert "bob" not in page
    assert "nuts" not in page, "a filter offers no more than the rows show"
    text = b"".join(of_fruit.get(f"{LIST}export/json/").streaming_content).decode()  # type: ignore[attr-defined]
    assert {json.loads(line)["model"] for line in text.splitlines()} == {"fruit"}
    subjects = {row.subject for row in of_fruit.get("/admin/predictions/observation/").context["cl"].result_list}
    assert subjects == {"fruit"}


def test_filters_find_what_they_name(of_fruit: Client, rows: list[Prediction]) -> None:
    first, second = rows[0].pk, rows[1].pk
    now = timezone.now()
    Feedback.objects.create(prediction_id=first, model="fruit", label="yes", caller="anna", updated_at=now)
    found = {
        "label=no": {first}, "route=canary": {first}, "version=2": {first}, "caller==cmd()": {second},
        "feedback=with": {first}, "feedback=without": {second}, "model=nuts": set(), "version=x": set(),
        "q=crate 7": {first}, "q=crate": set(),
        "created_at_from_0=2026-01-01": {first, second}, "created_at_to_0=2020-01-01": set(),
        f"created_at_to_0={now.date()}": {first, second},
    }  # fmt: skip
    assert {query: shown(of_fruit, **dict([query.split("=", 1)])) for query in found} == found


def test_an_export_holds_what_the_filters_show_and_no_formula(of_fruit: Client, rows: list[Prediction]) -> None:
    now = timezone.now()
    Feedback.objects.create(prediction_id=rows[1].pk, model="fruit", label="no", caller="anna", updated_at=now)
    answer = of_fruit.get(f"{LIST}export/csv/", {"caller": "=cmd()"})
    assert "predictions-" in answer["Content-Disposition"]
    [row] = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))  # type: ignore[attr-defined]

    assert (row["id"], row["caller"], row["feedback"], row["probability"]) == (str(rows[1].pk), "'=cmd()", "no", "0.9")
    assert json.loads(row["inputs"]) == {"text": "=1+1"}
    for wrong in ({"nothing": "x"}, {"created_at_from_0": "soon"}):
        assert of_fruit.get(f"{LIST}export/csv/", wrong).status_code == 400


def test_a_log_without_end_is_not_counted_to_its_end(
    of_fruit: Client, rows: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedPaginator, "most", 1)
    with CaptureQueriesContext(connection) as queries:
        page = of_fruit.get(LIST)
    assert page.context["cl"].result_count == 1
    assert all(
        "LIMIT 1)" in query["sql"] for query in queries if "COUNT" in query["sql"] and "prediction" in query["sql"]
    )
    assert "an export has all of them" in page.content.decode()
