"""In a large registry a page asks the database no more often than in a small one. Times: benchmarks/admin_pages.py."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from predictions.models import Deployment
from registry_ui.models import ModelVersion
from tests.registry_ui.conftest import member
from tests.registry_ui.many import fill_registry
from tests.registry_ui.pages import large_pages

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


@pytest.fixture
def looking(client: Client) -> Client:
    client.force_login(member("lou", *Group.objects.values_list("name", flat=True)))
    return client


def asked(client: Client) -> dict[str, int]:
    """Page → how many queries it makes."""
    counts = {}
    for name, address in large_pages().items():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200, name
        counts[name] = len(queries)
    return counts


def test_no_page_asks_more_often_when_there_are_more_rows(looking: Client) -> None:
    fill_registry(models=2, versions=6, predictions=10)
    few = asked(looking)
    ModelVersion.objects.update(status="waiting", stage="Staging")
    for model in ("another", "and-another", "one-more"):
        Deployment.objects.create(model=model)
    fill_registry(models=30, versions=12, predictions=100, first=2)

    many = asked(looking)

    assert {name: (few[name], count) for name, count in many.items() if count > few[name]} == {}
    assert {name: count for name, count in many.items() if count > MOST_QUERIES} == {}


def test_the_overview_shows_what_waits_first_and_the_models_page_by_page(looking: Client) -> None:
    fill_registry(models=60, versions=3)

    def page(**asked: Any) -> str:
        return looking.get(reverse("admin:index"), asked).content.decode()

    first = page()
    assert "model-050 version 3" in first, "of six waiting versions each is shown"
    assert first.index("<strong>model-050") < first.index("<strong>model-001"), "models with a candidate come first"
    assert "<strong>model-059" not in first
    assert "<strong>model-059" in page(page=3)
    assert "<strong>model-059" in page(page="nonsense", q="l-059")
    assert "No model has “&lt;b&gt;” in its name." in page(q="<b>")
