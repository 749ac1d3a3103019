"""Adopting and reverting what somebody changed on the tracking server: by the same decisions, permissions and pages."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from ml_pipeline.tracking.mirror import Alias, Stage, set_alias, set_stage
from predictions.models import Deployment
from registry_ui.admin.mirror import mirror_context
from registry_ui.errors import PermissionRefused, ReasonRequired, StaleGeneration, WrongState
from registry_ui.models import AuditEntry, BackgroundTask, Decision, ForeignChange, MirrorState, OutboxEntry
from registry_ui.services.access import Actor
from registry_ui.services.audit import audit_verify
from registry_ui.services.decisions import version_approve, version_reject
from registry_ui.services.foreign_changes import foreign_change_adopt, foreign_change_revert
from registry_ui.services.mirroring import outbox_mirror
from registry_ui.services.syncing import registry_sync
from tests.registry_ui.conftest import generation, live
from tests.registry_ui.tracked import imported, stands

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mirrored(store: Path) -> Path:
    """Version 1 is live, version 2 waits, and the server says so."""
    imported(store, 1.0)
    imported(store, 2.0)
    outbox_mirror()
    return store


def moved(alias: Alias, version: int | None) -> ForeignChange:
    """The change, found after somebody moved an alias."""
    set_alias("fruit", alias, version)
    registry_sync()
    return ForeignChange.objects.get(state="open")


def staged(version: int, stage: Stage) -> ForeignChange:
    set_stage("fruit", version, stage)
    registry_sync()
    return ForeignChange.objects.get(state="open")


def model_page() -> str:
    return reverse("admin:predictions_deployment_change", args=[Deployment.objects.get().pk])


def adopt(change: ForeignChange, actor: Actor, expected: int = 1) -> Decision:
    return foreign_change_adopt(change_id=change.pk, actor=actor, reason="they are right", expected_generation=expected)


def test_a_reverted_change_is_written_back_and_recorded(approver: Actor) -> None:
    change = moved("champion", 2)

    foreign_change_revert(change_id=change.pk, actor=approver, reason="by mistake")
    outbox_mirror()
    registry_sync()

    assert stands() == {1: ("Production", ("champion",)), 2: ("Staging", ("challenger",))}
    change.refresh_from_db()
    assert (change.state, change.resolved_by, change.reason) == ("reverted", "olga", "by mistake")
    assert AuditEntry.objects.first().action == "mirror.reverted"  # type: ignore[union-attr]
    assert ForeignChange.objects.count() == 1
    assert live().number == 1  # type: ignore[union-attr]
    audit_verify()


@pytest.mark.parametrize("way", ["alias", "stage"])
def test_adopting_a_champion_is_an_approval(approver: Actor, way: str) -> None:
    change = moved("champion", 2) if way == "alias" else staged(2, "Production")

    decision = adopt(change, approver)
    outbox_mirror()

    assert (decision.action, decision.actor, decision.reason) == ("approve", "olga", "they are right")
    assert (live(), generation()) == (decision.version, 2)
    assert stands() == {1: ("Archived", ()), 2: ("Production", ("champion",))}
    assert ForeignChange.objects.get().state == "adopted"
    assert [entry.action for entry in AuditEntry.objects.all()[:2]] == ["mirror.adopted", "version.approve"]
    audit_verify()


def test_adopting_a_former_champion_is_a_roll_back(approver: Actor) -> None:
    version_approve(model="fruit", number=2, actor=approver, reason="good", expected_generation=1)
    outbox_mirror()

    assert adopt(moved("champion", 1), approver, 2).action == "roll_back"
    assert live().number == 1  # type: ignore[union-attr]


def test_adopting_a_removed_champion_is_a_retirement(approver: Actor) -> None:
    assert adopt(moved("champion", None), approver).action == "retire"
    assert live() is None


def test_adopting_an_archived_candidate_is_a_rejection(approver: Actor) -> None:
    assert adopt(staged(2, "Archived"), approver).action == "reject"
    assert ForeignChange.objects.get().state == "adopted"


@pytest.mark.parametrize(
    ("alias", "version", "told"),
    [("challenger", 1, "newest version that waits"), ("canary", 2, "needs a share")],
)
def test_what_is_no_decision_here_cannot_be_adopted_and_says_what_to_do(
    approver: Actor, alias: Alias, version: int, told: str
) -> None:
    change = moved(alias, version)

    with pytest.raises(WrongState) as refused:
        adopt(change, approver)

    assert told in refused.value.advice
    change.refresh_from_db()
    assert change.state == "open"


def test_a_stage_that_no_decision_leads_to_cannot_be_adopted(approver: Actor) -> None:
    with pytest.raises(WrongState, match="no decision of the registry"):
        adopt(staged(1, "Staging"), approver)


def test_an_adoption_passes_the_guards_of_its_decision(approver: Actor) -> None:
    version_reject(model="fruit", number=2, actor=approver, reason="bad", expected_generation=1)
    outbox_mirror()
    change = moved("champion", 2)

    with pytest.raises(WrongState, match="it is rejected"):
        adopt(change, approver)
    with pytest.raises(StaleGeneration):
        adopt(change, approver, expected=0)

    change.refresh_from_db()
    assert (change.state, live().number) == ("open", 1)  # type: ignore[union-attr]


def test_settling_needs_the_permission_a_reason_and_an_open_change(approver: Actor, requester: Actor) -> None:
    change = moved("champion", 2)
    for settle in (foreign_change_adopt, foreign_change_revert):
        more = {"expected_generation": 1} if settle is foreign_change_adopt else {}
        with pytest.raises(PermissionRefused):
            settle(change_id=change.pk, actor=requester, reason="why not", **more)
        with pytest.raises(ReasonRequired):
            settle(change_id=change.pk, actor=approver, reason=" ", **more)

    foreign_change_revert(change_id=change.pk, actor=approver, reason="first")
    with pytest.raises(WrongState, match="reverted by olga"):
        adopt(change, approver)
    assert live().number == 1  # type: ignore[union-attr]


def test_one_item_has_one_open_change() -> None:
    change = moved("champion", 2)

    with pytest.raises(IntegrityError):
        ForeignChange.objects.create(model="fruit", kind=change.kind, name=change.name, ours="1", theirs="3")


def test_the_pages_show_a_change_and_its_buttons_settle_it(client: Client, approver: Actor) -> None:
    client.force_login(approver.user)  # type: ignore[arg-type]
    change = moved("champion", 2)
    page = reverse("admin:registry_ui_foreignchange_change", args=[change.pk])
    for place in (reverse("admin:index"), model_page()):
        assert page in client.get(place).content.decode()
    shown = client.get(page).content.decode()
    assert "Adopt: approve fruit version 2" in shown
    assert client.get(reverse("admin:registry_ui_foreignchange_changelist")).status_code == 200

    adopting = reverse("admin:registry_ui_foreignchange_adopt", args=[change.pk])
    sent = {"reason": "they are right", "expected_generation": 1}
    assert client.get(adopting).status_code == 405
    assert client.post(adopting, sent).status_code == 400
    assert client.post(adopting, sent | {"confirm": "on", "expected_generation": 0}).status_code == 409
    assert client.post(adopting, sent | {"confirm": "on"}).status_code == 302
    assert live().number == 2  # type: ignore[union-attr]
    assert "Adopted by" in client.get(page).content.decode()
    reverting = reverse("admin:registry_ui_foreignchange_revert", args=[change.pk])
    assert client.post(reverting, sent).status_code == 409


def test_sync_now_queues_one_task_whose_progress_shows(client: Client, approver: Actor) -> None:
    client.force_login(approver.user)  # type: ignore[arg-type]
    model = model_page()
    everything, one = reverse("admin:registry_ui_foreignchange_sync"), model.replace("change/", "sync/")

    assert [client.post(place).status_code for place in (everything, everything, one)] == [302, 302, 302]

    syncs = BackgroundTask.objects.filter(kind=BackgroundTask.Kind.SYNC)
    assert sorted(syncs.values_list("subject", flat=True)) == ["every model", "fruit"]
    syncs.update(state="running", lease_expires_at="2100-01-01T00:00Z", done=1, total=2, step="fruit")
    for place in (reverse("admin:index"), model):
        assert '<progress id="sync-progress" max="100" value="50"' in client.get(place).content.decode()


def test_the_mirror_costs_a_page_four_queries_however_many_models(
    approver: Actor, rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    moved("champion", 2)
    models = ["fruit", *(f"model-{number}" for number in range(200))]
    MirrorState.objects.bulk_create([MirrorState(model=model) for model in models[1:]])
    request = rf.get("/admin/")
    request.user = User.objects.get(username="olga")
    request.user.get_all_permissions()

    with django_assert_num_queries(4):
        shown = mirror_context(request, models)

    assert [str(change) for change in shown["mirror"]["foreign"]] == ["fruit: alias champion"]
    assert shown["mirror"]["synced_at"] is None  # not every model was read


def test_the_pages_say_what_waits_for_the_server_and_why(client: Client, approver: Actor) -> None:
    client.force_login(approver.user)  # type: ignore[arg-type]
    version_approve(model="fruit", number=2, actor=approver, reason="good", expected_generation=1)
    OutboxEntry.objects.filter(done_at=None).update(last_error="The server is away.")

    for place in (reverse("admin:index"), model_page()):
        shown = client.get(place).content.decode()
        assert "Mirroring pending" in shown
        assert "The server is away." in shown
