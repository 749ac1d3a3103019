"""Another threshold or calibration over the same model file: a new candidate, which waits like any other."""

import json
from pathlib import Path

import pytest

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import RunFailed
from ml_pipeline.learning.recalibration import Recalibration
from ml_pipeline.running import repro
from ml_pipeline.tracking.mirror import list_versions
from predictions.bundle_store import read_bundle
from registry_ui.errors import InvalidRecalibration, InvalidThreshold, PermissionRefused, ReasonRequired, WrongState
from registry_ui.models import AuditEntry, BackgroundTask, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.decisions import version_approve
from registry_ui.services.derived import recalibration_propose, threshold_propose
from registry_ui.services.evidence import evidence_collect
from registry_ui.services.model_card import model_card
from tests.registry_ui.conftest import Import, live, member

pytestmark = pytest.mark.django_db
HALF = Recalibration(0.5, 0.7)
unpublished = pytest.mark.usefixtures("no_tracking_server")


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one(held_out=True).version


@pytest.fixture
def no_tracking_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing is a process of its own; here it says that the server is away."""

    def away(*_: object) -> None:
        raise RunFailed("The tracking server does not answer.")

    monkeypatch.setattr(repro, "publish", away)


def proposed(requester: Actor, threshold: float = 0.9) -> BackgroundTask:
    task = threshold_propose(model="fruit", number=1, threshold=threshold, reason="fewer unripe", actor=requester)
    task_execute(task_id=task.pk, kinds=KINDS)
    task.refresh_from_db()
    return task


@unpublished
def test_the_candidate_is_the_same_model_with_another_decision(champion: ModelVersion, requester: Actor) -> None:
    task = proposed(requester)

    assert (task.state, task.error) == ("succeeded", "")
    candidate = ModelVersion.objects.get(number=task.result["version"])
    old, new = (ModelBundle.from_bytes(*read_bundle(one.bundle_hash)) for one in (champion, candidate))
    assert new.manifest["skops_sha256"] == old.manifest["skops_sha256"]
    assert (new.threshold, candidate.report["threshold"]) == (0.9, 0.9)
    new.prove()  # the golden samples say what this threshold decides
    heavy = next(w for w in range(10, 20) if old.predict([fruit(w)])[0].probability < 0.9)
    assert (old.predict([fruit(heavy)])[0].label, new.predict([fruit(heavy)])[0].label) == ("yes", "no")
    missed = sum(new.predict([fruit(weight)])[0].label == "no" for weight in range(10, 20))
    assert candidate.metrics["recall"]["value"] == pytest.approx(1 - missed / 10)
    assert new.held_out_metrics["recall"] == pytest.approx(1 - missed / 10)


def fruit(weight: float) -> dict[str, object]:
    return {"weight": float(weight), "colour": None}  # type: ignore[return-value]


@unpublished
def test_it_waits_says_where_it_comes_from_and_goes_live_by_approval(
    champion: ModelVersion, requester: Actor, approver: Actor
) -> None:
    candidate = ModelVersion.objects.get(number=proposed(requester, 0.6).result["version"])

    assert (candidate.status, candidate.requested_by) == ("waiting", "rui")
    derived = candidate.lineage["derived_from"]
    assert (derived["version"], derived["threshold"], derived["reason"]) == (1, 0.5, "fewer unripe")
    assert candidate.recommendation["champion"]["version"] == 1
    assert BackgroundTask.objects.filter(kind="flips", subject=str(candidate)).exists()
    entry = AuditEntry.objects.get(action="threshold.propose")
    assert (entry.actor, json.loads(entry.payload)["details"]["threshold"]) == ("rui", 0.6)
    version_approve(model="fruit", number=candidate.number, actor=approver, reason="better so", expected_generation=1)
    assert live() == candidate


@unpublished
def test_the_same_proposal_again_is_the_same_version(champion: ModelVersion, requester: Actor) -> None:
    assert proposed(requester).result["version"] == proposed(requester).result["version"]
    assert ModelVersion.objects.count() == 2


def test_it_stands_on_the_tracking_server_where_that_answers(
    champion: ModelVersion, requester: Actor, store: Path
) -> None:
    candidate = ModelVersion.objects.get(number=proposed(requester).result["version"])

    (there,) = list_versions("fruit")
    assert (there.version, there.run_id) == (candidate.tracking_version, candidate.run_id)
    assert candidate.tags == there.tags
    assert candidate.lineage["started_by"] == "threshold by rui"


@pytest.mark.parametrize("threshold", [0.5, 0.0, 1.0, -1.0, float("nan")])
def test_what_is_no_new_threshold_is_refused(champion: ModelVersion, requester: Actor, threshold: float) -> None:
    with pytest.raises(InvalidThreshold):
        threshold_propose(model="fruit", number=1, threshold=threshold, reason="why not", actor=requester)


def test_a_proposal_needs_permission_a_reason_and_kept_rows(import_one: Import, requester: Actor) -> None:
    import_one()
    asked = {"model": "fruit", "number": 1, "threshold": 0.7}
    with pytest.raises(PermissionRefused):
        threshold_propose(**asked, reason="x", actor=Actor.person(member("guest")))
    with pytest.raises(WrongState, match="has no threshold"):
        threshold_propose(**asked, reason="x", actor=requester)
    import_one(flavour=2.0, held_out=True)
    with pytest.raises(ReasonRequired):
        threshold_propose(**{**asked, "number": 2}, reason=" ", actor=requester)
    ModelVersion.objects.update(rows_hash="")
    with pytest.raises(WrongState, match="are not kept"):
        threshold_propose(**{**asked, "number": 2}, reason="x", actor=requester)


def recalibrated(requester: Actor, number: int = 1, by: Recalibration = HALF) -> ModelVersion:
    task = recalibration_propose(
        model="fruit", number=number, recalibration=by, reason="Recalibrated on 150 labelled answers.", actor=requester
    )
    task_execute(task_id=task.pk, kinds=KINDS)
    task.refresh_from_db()
    assert (task.state, task.error) == ("succeeded", "")
    return ModelVersion.objects.get(number=task.result["version"])


@unpublished
def test_a_recalibrated_candidate_decides_alike_by_other_probabilities(
    champion: ModelVersion, requester: Actor, approver: Actor
) -> None:
    candidate = recalibrated(requester, by=HALF)

    old, new = (ModelBundle.from_bytes(*read_bundle(one.bundle_hash)) for one in (champion, candidate))
    new.prove()
    assert new.threshold == candidate.report["threshold"] == pytest.approx(HALF.probability(0.5))
    weights = [fruit(weight) for weight in range(0, 30)]
    before, after = old.predict(weights), new.predict(weights)
    assert [one.label for one in after] == [one.label for one in before]
    for one, other in zip(before, after, strict=True):
        assert other.probability == pytest.approx(HALF.probability(one.probability), abs=1e-12)
    assert candidate.recommendation["comparison"]["decisions_that_differ"] == 0
    assert "its decisions those of the version before. Brier's score" in candidate.recommendation["reasons"][-1]
    assert candidate.metrics["brier"]["value"] != pytest.approx(champion.metrics["brier"]["value"])
    derived = candidate.lineage["derived_from"]
    assert (derived["version"], derived["slope"], derived["intercept"]) == (1, 0.5, 0.7)
    assert AuditEntry.objects.filter(action="recalibration.propose", actor="rui").exists()
    assert "so that every decision stays" in model_card(evidence_collect(candidate))
    version_approve(model="fruit", number=candidate.number, actor=approver, reason="better so", expected_generation=1)
    assert live() == candidate


@unpublished
def test_a_version_can_be_recalibrated_again_and_then_decide_otherwise(
    champion: ModelVersion, requester: Actor
) -> None:
    first = recalibrated(requester)
    second = recalibrated(requester, number=first.number, by=Recalibration(1.5, -0.3))
    bundle = ModelBundle.from_bytes(*read_bundle(second.bundle_hash))
    assert bundle.recalibrations == ((0.5, 0.7), (1.5, -0.3))

    task = threshold_propose(model="fruit", number=second.number, threshold=0.9, reason="fewer", actor=requester)
    task_execute(task_id=task.pk, kinds=KINDS)
    task.refresh_from_db()
    third = ModelVersion.objects.get(number=task.result["version"])
    assert ModelBundle.from_bytes(*read_bundle(third.bundle_hash)).recalibrations == bundle.recalibrations
    assert "slope" not in third.lineage["derived_from"]


@pytest.mark.parametrize("slope", [0.0, -0.5, float("nan")])
def test_what_turns_the_order_of_the_answers_round_is_refused(
    champion: ModelVersion, requester: Actor, slope: float
) -> None:
    with pytest.raises(InvalidRecalibration):
        recalibrated(requester, by=Recalibration(slope, 0.1))
    with pytest.raises(PermissionRefused):
        recalibrated(Actor.person(member("guest")))
