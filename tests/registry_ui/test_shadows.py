"""Shadows: decided and recorded, asked by a worker what the champion was asked, counted once, served to nobody."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from predictions.models import Deployment, Generation, Prediction
from registry_ui.errors import PermissionRefused, StaleGeneration, WrongState
from registry_ui.models import AuditEntry, Decision, ModelVersion, ShadowComparison
from registry_ui.services import shadowing
from registry_ui.services.access import Actor
from registry_ui.services.canaries import version_set_canary
from registry_ui.services.decisions import champion_retire, champion_roll_back, version_approve
from registry_ui.services.shadowing import LAG, shadow_id, shadows_replay
from registry_ui.services.shadows import shadow_end, version_set_shadow
from tests.registry_ui.conftest import Import, generation, live

pytestmark = pytest.mark.django_db
TIMID = 0.9999  # nothing on a scale of 20 is so surely ripe


def given(actor: Actor, number: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "model": "fruit",
        "number": number,
        "actor": actor,
        "reason": "look first",
        "expected_generation": generation(),
        **more,
    }


@pytest.fixture
def candidate(import_one: Import) -> ModelVersion:
    import_one()
    return import_one(flavour=2.0, threshold=TIMID).version


def shadow() -> int | None:
    return Deployment.objects.get(model="fruit").shadow_version


def logged(weights: Sequence[float | str | None], *, at: datetime | None = None, **more: Any) -> list[UUID]:
    """Rows as the champion's processes ship them, one moment for all of them as in a batch."""
    moment = at or timezone.now() - LAG
    rows = [
        Prediction(
            id=uuid4(),
            created_at=moment,
            model="fruit",
            version=1,
            bundle="",
            route="champion",
            entity_id="tree 7",
            inputs=None if weight is None else {"weight": weight},
            label="yes",
            probability=0.75,
            threshold=0.5,
            latency_us=100,
            caller="ann",
        )
        for weight in weights
    ]
    for row in rows:
        for name, value in more.items():
            setattr(row, name, value)
    Prediction.objects.bulk_create(rows)
    return [row.pk for row in rows]


@pytest.fixture
def shadowed(candidate: ModelVersion, approver: Actor) -> ModelVersion:
    version_set_shadow(**given(approver))
    Generation.objects.filter(shadow_version=2).update(created_at=timezone.now() - timedelta(hours=1))
    return candidate


def test_a_shadow_is_a_recorded_decision_in_the_history_and_serves_nobody(
    candidate: ModelVersion, approver: Actor
) -> None:
    decision = version_set_shadow(**given(approver))

    assert (decision.action, decision.actor, decision.generation_after) == ("set_shadow", "olga", 2)
    assert AuditEntry.objects.filter(action="version.set_shadow").count() == 1
    assert [(row.champion_version, row.shadow_version) for row in Generation.objects.order_by("number")] == [
        (1, None), (1, 2)
    ]  # fmt: skip
    candidate.refresh_from_db()
    assert (shadow(), candidate.status) == (2, "waiting")
    assert live() == ModelVersion.objects.get(number=1)

    ended = shadow_end(**given(approver))
    assert (shadow(), ended.action) == (None, "end_shadow")


def test_a_shadow_needs_the_permission_to_approve_the_generation_that_was_seen_and_a_whole_bundle(
    candidate: ModelVersion, approver: Actor, requester: Actor, bundle_folder: Path
) -> None:
    with pytest.raises(PermissionRefused):
        version_set_shadow(**given(requester))
    with pytest.raises(StaleGeneration):
        version_set_shadow(**given(approver, expected_generation=0))
    with pytest.raises(WrongState, match="champion already"):
        version_set_shadow(**given(approver, number=1))
    with pytest.raises(WrongState, match="not the shadow"):
        shadow_end(**given(approver))

    (bundle_folder / candidate.bundle_hash / "model.skops").write_bytes(b"another model")
    with pytest.raises(WrongState, match="not the one that was imported"):
        version_set_shadow(**given(approver))
    assert (shadow(), Decision.objects.filter(action="set_shadow").count()) == (None, 0)


def test_a_shadow_ends_when_callers_get_its_answers_and_goes_on_beside_another_champion(
    candidate: ModelVersion, approver: Actor, import_one: Import
) -> None:
    import_one(flavour=3.0)
    version_set_shadow(**given(approver))
    version_approve(**given(approver, number=3))
    assert shadow() == 2
    version_approve(**given(approver))
    assert (shadow(), live()) == (None, candidate)

    version_set_shadow(**given(approver, number=1))
    champion_retire(model="fruit", actor=approver, reason="away", expected_generation=generation())
    assert shadow() is None


def test_a_canary_is_no_shadow(candidate: ModelVersion, approver: Actor) -> None:
    version_set_shadow(**given(approver))
    version_set_canary(**given(approver, share=0.1))
    assert shadow() is None
    with pytest.raises(WrongState, match="canary already"):
        version_set_shadow(**given(approver))


def test_the_database_itself_refuses_half_a_shadow_and_the_champion_as_its_own(candidate: ModelVersion) -> None:
    for wrong in ({"shadow_version": 2}, {"shadow_version": 1, "shadow_bundle": "a" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Deployment.objects.filter(model="fruit").update(**wrong)


def test_fresh_predictions_of_the_champion_are_asked_again_and_counted(shadowed: ModelVersion) -> None:
    asked = logged([1.0, 15.0, None, "heavy"])
    logged([2.0], route="canary", version=2)
    logged([3.0], route="named")

    assert shadows_replay() == 4

    found = ShadowComparison.objects.get()
    assert (found.compared, found.agreed, found.refused, found.skipped) == (2, 0, 1, 1)
    assert found.ways == [{"from": "yes", "to": "no", "rows": 2}]
    rows = Prediction.objects.filter(route="shadow").order_by("pk")
    assert {row.shadow_of_id for row in rows} == set(asked[:2])
    for row in rows:
        assert row.pk == shadow_id(row.shadow_of_id, shadowed.bundle_hash)
        assert (row.version, row.bundle, row.label) == (2, shadowed.bundle_hash, "no")
        assert (row.inputs, row.entity_id, row.caller) == (None, "tree 7", "")
    assert found.mean_difference == pytest.approx(sum(row.probability - 0.75 for row in rows) / 2)
    assert found.mean_distance == pytest.approx(sum(abs(row.probability - 0.75) for row in rows) / 2)


def test_asking_again_changes_nothing_and_goes_on_where_it_stopped_inside_one_moment(
    shadowed: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadowing, "BATCH_ROWS", 3)
    logged([15.0] * 7)
    assert (shadows_replay(), shadows_replay()) == (7, 0)

    before = ShadowComparison.objects.values().get()
    ShadowComparison.objects.update(reached_at=before["reached_at"] - timedelta(hours=1), compared=0)
    assert shadows_replay() == 7
    assert (before["compared"], ShadowComparison.objects.get().compared) == (7, 7)
    assert Prediction.objects.filter(route="shadow").count() == 7


def test_of_two_workers_with_one_batch_one_counts(shadowed: ModelVersion) -> None:
    logged([15.0] * 3)
    deployment = Deployment.objects.get(model="fruit")
    one, other = (shadowing._comparison(deployment) for _ in range(2))
    bundle = shadowing._bundle(shadowed.bundle_hash)
    batch = shadowing._next_batch(one)

    assert shadowing._counted(one, batch, bundle)
    assert not shadowing._counted(other, batch, bundle)
    assert ShadowComparison.objects.get().compared == Prediction.objects.filter(route="shadow").count() == 3


def test_what_is_too_fresh_waits_until_every_process_has_shipped_and_what_came_before_the_shadow_is_not_asked(
    shadowed: ModelVersion,
) -> None:
    logged([15.0], at=timezone.now())
    logged([15.0], at=timezone.now() - timedelta(hours=2))
    assert shadows_replay() == 0


def test_beside_another_champion_a_shadow_is_counted_anew(
    shadowed: ModelVersion, approver: Actor, import_one: Import
) -> None:
    logged([15.0] * 2)
    shadows_replay()
    import_one(flavour=3.0)
    version_approve(**given(approver, number=3))
    Generation.objects.filter(number=generation()).update(created_at=timezone.now() - timedelta(minutes=1))
    logged([15.0], version=3)
    shadows_replay()

    assert list(
        ShadowComparison.objects.order_by("id").values_list("champion_version", "compared")
    ) == [(1, 2), (3, 1)]  # fmt: skip
    champion_roll_back(model="fruit", actor=approver, reason="back", expected_generation=generation())
    logged([15.0], at=timezone.now() - timedelta(seconds=30))
    assert shadows_replay() == 0, "it was logged while another champion served"


def test_a_bundle_that_cannot_be_loaded_is_told_and_the_next_model_is_asked_all_the_same(
    shadowed: ModelVersion, approver: Actor, import_one: Import
) -> None:
    import_one(model="nuts")
    import_one(model="nuts", flavour=2.0)
    version_set_shadow(**given(approver, model="nuts", expected_generation=generation("nuts")))
    Generation.objects.filter(model="nuts", shadow_version=2).update(created_at=timezone.now() - timedelta(hours=1))
    logged([15.0], model="nuts")
    Deployment.objects.filter(model="fruit").update(shadow_bundle="f" * 64)

    assert shadows_replay() == 1
    assert "f" * 64 in ShadowComparison.objects.get(model="fruit").error
    assert ShadowComparison.objects.get(model="nuts").compared == 1
