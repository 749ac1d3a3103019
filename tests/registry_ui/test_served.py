"""What served at a moment: exact at the boundary, nothing before the first decision and after a retirement."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from ml_pipeline.errors import UnknownModel
from predictions.models import Deployment, Generation
from registry_ui.selectors import served_at
from registry_ui.services.access import Actor
from registry_ui.services.decisions import champion_retire, version_approve
from tests.registry_ui.conftest import Import, generation
from tests.registry_ui.test_api import calling

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def history(import_one: Import, approver: Actor) -> None:
    """Version 1 by the policy at noon, version 2 by olga an hour later, retired after another one; then wine."""
    import_one()
    import_one(flavour=2.0, verdict="promote")
    version_approve(model="fruit", number=2, actor=approver, reason="better", expected_generation=1)
    champion_retire(model="fruit", actor=approver, reason="no longer sold", expected_generation=2)
    import_one(model="wine", flavour=3.0)
    for number in (1, 2, 3):
        rows = Generation.objects.filter(model="fruit", number=number)
        rows.update(created_at=NOON + timedelta(hours=number - 1))


def told(at: datetime, model: str = "fruit") -> tuple[int | None, str, datetime | None]:
    served = served_at(at=at, model=model)[0]
    version = served.generation and served.generation.champion_version
    return version, served.decision.actor if served.decision else "", served.until


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOON - TICK, (None, "", NOON)),
        (NOON, (1, "policy:bootstrap", NOON + timedelta(hours=1))),
        (NOON + timedelta(hours=1) - TICK, (1, "policy:bootstrap", NOON + timedelta(hours=1))),
        (NOON + timedelta(hours=1), (2, "olga", NOON + timedelta(hours=2))),
        (NOON + timedelta(hours=2), (None, "olga", None)),
    ],
)
def test_a_generation_begins_at_its_own_moment_and_ends_before_the_next(
    at: datetime, expected: tuple[int | None, str, datetime | None]
) -> None:
    assert told(at) == expected


@pytest.mark.usefixtures("history")
def test_every_model_is_told_at_once_in_few_queries(django_assert_num_queries: object) -> None:
    Deployment.objects.create(model="never")

    with django_assert_num_queries(4):  # type: ignore[operator]
        served = served_at(at=timezone.now())

    assert [(one.model, one.generation and one.generation.champion_version) for one in served] == [
        ("fruit", None),
        ("never", None),
        ("wine", 1),
    ]
    with pytest.raises(UnknownModel):
        served_at(at=NOON, model="unknown")


@pytest.mark.usefixtures("history")
def test_the_api_tells_version_times_and_the_decision(approver: Actor) -> None:
    api: APIClient = calling(approver.user)

    body = api.get("/api/v1/models/fruit/served?at=2026-03-03T14:30:00%2B01:00").json()

    assert (body["version"], body["generation"], body["at"]) == (2, 2, "2026-03-03T13:30:00Z")
    assert (body["since"], body["until"]) == ("2026-03-03T13:00:00Z", "2026-03-03T14:00:00Z")
    assert (body["decision"]["actor"], body["decision"]["reason"]) == ("olga", "better")
    before = api.get("/api/v1/models/fruit/served?at=2026-03-03").json()
    assert (before["version"], before["generation"], before["decision"]) == (None, 0, None)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("at", "said"), [("", "not a moment"), ("3 March", "not a moment"), ("9999-01-01", "still to come")]
)
def test_what_is_no_past_moment_is_refused_at_both_doors(approver: Actor, client: Client, at: str, said: str) -> None:
    answer = calling(approver.user).get(f"/api/v1/models/fruit/served?at={quote(at)}")
    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["at"])
    assert said in answer.json()["message"]
    assert approver.user is not None
    client.force_login(approver.user)
    page = client.get(reverse("admin:predictions_generation_served"), {"at": at})
    assert page.status_code == (400 if at else 200)
    assert said in page.content.decode() or not at


def test_an_unknown_model_and_a_caller_without_a_token_get_no_history(approver: Actor) -> None:
    assert calling(approver.user).get("/api/v1/models/none/served?at=2026-03-03").status_code == 404
    assert calling(None).get("/api/v1/models/none/served?at=2026-03-03").status_code == 401


@pytest.mark.usefixtures("history")
def test_the_page_answers_for_one_model_and_for_all(approver: Actor, client: Client) -> None:
    assert approver.user is not None
    client.force_login(approver.user)
    address = reverse("admin:predictions_generation_served")

    one = client.get(address, {"at": "2026-03-03T13:00", "model": "fruit"}).content.decode()
    assert "Version 2</a>" in one
    assert "better" in one
    assert "2026-03-03 14:00:00" in one
    every = client.get(address, {"at": f"{timezone.now():%Y-%m-%dT%H:%M:%S}", "model": ""}).content.decode()
    assert "no longer sold" in every
    assert "Nothing" in every
    assert generation("wine") == 1
    client.logout()
    assert client.get(address).status_code == 302
