"""Another threshold over the same model file: a new candidate that decides otherwise, and waits like any other."""

import json
from pathlib import Path

import pytest

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import RunFailed
from ml_pipeline.running import repro
from ml_pipeline.tracking.mirror import list_versions
from predictions.bundle_store import read_bundle
from registry_ui.errors import InvalidThreshold, PermissionRefused, ReasonRequired, WrongState
from registry_ui.models import AuditEntry, BackgroundTask, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.decisions import version_approve
from registry_ui.services.thresholds import threshold_propose
from tests.registry_ui.conftest import Import, live, member

pytestmark = pytest.mark.django_db
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
