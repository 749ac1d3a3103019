"""The review page: what decides on top, what may be asked for, and what was seen when somebody decided."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from registry_ui.admin.review_summary import tiles
from registry_ui.models import BackgroundTask, Decision, ModelVersion
from registry_ui.services.access import APPROVERS, REQUESTERS, Actor
from registry_ui.services.decisions import version_approve
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.test_flips import TIMID, computed

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


def url(name: str, *arguments: object) -> str:
    return reverse(f"admin:registry_ui_modelversion_{name}", args=arguments)


@pytest.fixture
def candidate(import_one: Import) -> ModelVersion:
    """Version 2, which calls nothing ripe any more, waits with its replay done; version 1 is live."""
    import_one(held_out=True)
    version = import_one(flavour=2.0, threshold=TIMID, held_out=True).version
    computed(version)
    return version


@pytest.fixture
def olga(client: Client) -> Client:
    client.force_login(member("olga", APPROVERS, REQUESTERS))
    return client


def text_of(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_what_decides_stands_on_top(olga: Client, candidate: ModelVersion) -> None:
    page = text_of(olga, url("change", candidate.pk))

    assert "Accuracy falls by 0.5000 (worse beyond chance); 10 of 20 decisions flip" in page
    assert "the cost of a decision rises by 0.5000 (worse beyond chance)" in page
    assert "it gets worse for colour = green, colour = red." in page
    assert page.index("10 of 20 decisions flip") < page.index("Held-out metrics")
    assert "By their true labels 0 of these flips put a wrong decision right" in page


def test_pictures_and_differences_are_drawn_by_the_server(olga: Client, candidate: ModelVersion) -> None:
    page = text_of(olga, url("change", candidate.pk))

    for name in ("roc", "precision_recall", "calibration", "threshold-accuracy", "threshold-expected_cost"):
        assert f'id="chart-{name}-title"' in page
    assert page.count('class="line candidate"') >= 5
    assert "estimator.params.C" in page
    assert "Answer to one row" in page
    assert "The same documents, byte for byte" in page


def test_a_version_without_kept_rows_says_so(olga: Client, import_one: Import) -> None:
    import_one()
    page = text_of(olga, url("change", import_one(flavour=2.0).version.pk))

    assert "No scores of single rows came with this version" in page
    assert "threshold-table" not in page


def test_a_running_replay_shows_how_far_it_is_and_a_button_asks_for_another(
    olga: Client, candidate: ModelVersion
) -> None:
    olga.post(url("replay", candidate.pk))
    task = BackgroundTask.objects.get(kind="flips", state="queued")
    BackgroundTask.objects.filter(pk=task.pk).update(done=5, total=20, step="replaying")

    page = text_of(olga, url("change", candidate.pk))

    assert task.requested_by == "olga"
    assert "Queued: replaying, 5 of 20" in page
    assert 'value="25"' in page
    assert "Replay again" not in page


def test_the_champion_cannot_be_replayed_against_itself(olga: Client, candidate: ModelVersion) -> None:
    live = ModelVersion.objects.get(number=1)

    assert olga.post(url("replay", live.pk)).status_code == 409
    assert "Replay" not in text_of(olga, url("change", live.pk))


def test_a_threshold_is_proposed_by_form(olga: Client, candidate: ModelVersion) -> None:
    olga.post(url("threshold", candidate.pk), {"threshold": "0.4", "reason": "too timid"})

    task = BackgroundTask.objects.get(kind="threshold")
    assert task.asked == {"version": 2, "threshold": 0.4, "reason": "too timid"}
    assert "0.4: queued" in text_of(olga, url("change", candidate.pk))
    refused = olga.post(url("threshold", candidate.pk), {"threshold": "2", "reason": "why not"})
    assert refused.status_code == 400
    assert "why not" in refused.content.decode()
    assert olga.post(url("threshold", candidate.pk), {"threshold": str(TIMID), "reason": "x"}).status_code == 400


def test_who_may_not_request_runs_cannot_propose(client: Client, candidate: ModelVersion) -> None:
    client.force_login(member("ana", APPROVERS))

    assert "Propose this threshold" not in text_of(client, url("change", candidate.pk))
    assert client.post(url("threshold", candidate.pk), {"threshold": "0.4", "reason": "x"}).status_code == 403


def test_what_callers_sent_is_shown_to_who_may_see_predictions_alone(client: Client, candidate: ModelVersion) -> None:
    looking = User.objects.create_user("lea", is_staff=True)
    looking.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    client.force_login(looking)

    page = text_of(client, url("change", candidate.pk))

    assert "The flipped cases" not in page
    assert "needs the permission to see predictions" in page


def test_the_model_card_is_a_file_of_markdown(olga: Client, candidate: ModelVersion) -> None:
    answer = olga.get(url("card", candidate.pk))

    card = answer.content.decode()
    assert answer["Content-Disposition"] == 'attachment; filename="fruit-2-model-card.md"'
    assert card.startswith("# Ripeness: version 2\n")
    for part in ("Sorting fruit.", "Not for vegetables.", "| `weight` | number | yes |", "Trained on 20 rows"):
        assert part in card
    assert f"| Bundle | `{candidate.bundle_hash}` |" in card


def approve(candidate: ModelVersion) -> Decision:
    actor = Actor.person(User.objects.get(username="olga"))
    return version_approve(model="fruit", number=2, actor=actor, reason="so be it", expected_generation=1)


def test_what_was_seen_is_shown_when_everything_else_has_changed(olga: Client, candidate: ModelVersion) -> None:
    decision = approve(candidate)
    BackgroundTask.objects.all().delete()
    ModelVersion.objects.update(report={}, recommendation={}, curves={}, metrics={}, spec={})

    page = text_of(olga, url("evidence", candidate.pk, decision.pk))

    assert "10 of 20 decisions flip" in page
    assert "colour = green" in page
    assert 'id="chart-roc-title"' in page
    assert "<form" not in page.partition("<main>")[2].partition("</main>")[0]
    assert url("evidence", candidate.pk, decision.pk) in text_of(olga, url("change", candidate.pk))
    kept = json.loads(olga.get(url("evidence_file", candidate.pk, decision.pk)).content)
    assert kept["flips"]["flipped"] == 10


def test_a_changed_evidence_file_is_named_and_not_shown(
    olga: Client, candidate: ModelVersion, bundle_folder: Path
) -> None:
    decision = approve(candidate)
    file = bundle_folder / "evidence" / f"{decision.evidence['frozen_sha256']}.json"
    file.write_bytes(file.read_bytes().replace(b'"flipped":10', b'"flipped":0'))

    page = text_of(olga, url("evidence", candidate.pk, decision.pk), status=409)

    assert f"evidence/{file.name} in the bundle store was changed" in page
    assert "decisions flip" not in page


def test_the_evidence_file_needs_the_permission_to_see_inputs(client: Client, candidate: ModelVersion) -> None:
    member("olga", APPROVERS)
    decision = approve(candidate)
    looking = User.objects.create_user("lea", is_staff=True)
    looking.user_permissions.add(Permission.objects.get(codename="view_modelversion"))
    client.force_login(looking)

    assert client.get(url("evidence", candidate.pk, decision.pk)).status_code == 200
    assert client.get(url("evidence_file", candidate.pk, decision.pk)).status_code == 403
    assert client.post(url("evidence", candidate.pk, decision.pk)).status_code == 405
    assert client.get(url("evidence", candidate.pk - 1, decision.pk)).status_code == 404  # another version's decision


def test_lists_do_not_read_the_curves_and_a_page_asks_little(olga: Client, candidate: ModelVersion) -> None:
    with CaptureQueriesContext(connection) as asked:
        olga.get(reverse("admin:registry_ui_modelversion_changelist"))
    assert not any('"curves"' in query["sql"] for query in asked)
    with CaptureQueriesContext(connection) as asked:
        olga.get(url("change", candidate.pk))
    assert len(asked) <= MOST_QUERIES


def test_equal_answers_are_called_the_same_and_not_chance() -> None:
    none = {"difference": 0.0, "low": 0.0, "high": 0.0}
    metric = {"metric": "accuracy", "decisive": True, "candidate": {"value": 1.0}, "paired": none}
    evidence = {"metrics": [metric], "flips": None, "serving": None, "paired_slices": {}, "warnings": []}

    (tile,) = tiles(evidence)

    assert (tile.value, tile.note, tile.tone) == ("+0.0000", "to 1.0000; the same on these rows", "")
