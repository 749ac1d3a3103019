"""In a large registry a page asks the database no more often than in a small one. Times: benchmarks/admin_pages.py."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from guardian.shortcuts import assign_perm

from predictions.models import Deployment
from registry_ui.models import ModelVersion
from registry_ui.selectors import LARGE_COLUMNS, MODEL_PERMISSIONS
from tests.registry_ui.conftest import member
from tests.registry_ui.many import fill_registry
from tests.registry_ui.pages import large_pages

pytestmark = pytest.mark.django_db
MOST_QUERIES = 30
OF_ONE_MODEL = {"home", "a model", "review", "a former champion", "a foreign change", "compare", "list: versions"}


@pytest.fixture
def looking(client: Client) -> Client:
    client.force_login(in_every_group())
    return client


def in_every_group() -> User:
    return member("lou", *Group.objects.values_list("name", flat=True))


def of_one_model() -> User:
    """Holds every permission on the model that waits, and nothing else."""
    user, deployment = member("gus"), Deployment.objects.get(model="model-000")
    for permission in MODEL_PERMISSIONS:
        assign_perm(permission, user, deployment)
    return user


def superuser() -> User:
    return User.objects.create_superuser("root")


def asked(client: Client) -> dict[str, int]:
    """Page → how many queries it makes, of those that one may look at."""
    counts = {}
    for name, address in large_pages().items():
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        assert answer.status_code in (200, 403), name
        if answer.status_code == 200:
            counts[name] = len(queries)
    return counts


@pytest.mark.parametrize("person", [in_every_group, superuser, of_one_model])
def test_no_page_asks_more_often_when_there_are_more_rows(client: Client, person: Callable[[], User]) -> None:
    fill_registry(models=2, versions=6, predictions=10)
    client.force_login(person())
    few = asked(client)
    for status in ("changes", "waiting"):
        ModelVersion.objects.filter(status="rejected", number__gt=3).update(status=status, stage="Staging")
    for model in ("another", "and-another", "one-more"):
        Deployment.objects.create(model=model)
    fill_registry(models=30, versions=12, predictions=100, first=2)

    many = asked(client)

    assert few.keys() >= OF_ONE_MODEL
    assert {name: (few[name], count) for name, count in many.items() if count > few[name]} == {}
    assert {name: count for name, count in many.items() if count > MOST_QUERIES} == {}


@pytest.mark.parametrize("person", [in_every_group, superuser, of_one_model])
@pytest.mark.parametrize("status", ["waiting", "changes", "canary", "rejected"])
@pytest.mark.parametrize("champion", [1, None])
def test_the_pages_ask_little_in_every_state_of_a_version(
    client: Client, person: Callable[[], User], status: str, champion: int | None
) -> None:
    """Also while nothing serves."""
    fill_registry(models=1, versions=6, predictions=1)
    pages = large_pages()
    ModelVersion.objects.filter(number=6).update(status=status)
    if champion is None:
        ModelVersion.objects.filter(stage="Production").update(stage="Archived")
        Deployment.objects.update(champion_version=None, champion_bundle=None)
    client.force_login(person())

    for name in ("review", "a model"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(pages[name]).status_code == 200
        assert len(queries) <= MOST_QUERIES, name


def test_no_list_reads_large_columns(looking: Client) -> None:
    fill_registry(models=2, versions=6, predictions=10)
    for name, address in large_pages().items():
        if name.startswith(("list:", "home")) or name == "a model":
            with CaptureQueriesContext(connection) as queries:
                looking.get(address)
            large = [f'"registry_ui_modelversion"."{column}"' for column in LARGE_COLUMNS]
            assert not any(column in query["sql"] for query in queries for column in large), name


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
