"""Candidate import: what enters, what a policy makes of it, and what is refused."""

from pathlib import Path

import pytest

from ml_pipeline.canonical import sha256_hex
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.paths import Artifacts
from predictions.bundle_store import read_bundle
from predictions.models import Deployment, Generation
from registry_ui.errors import StaleRecommendation
from registry_ui.models import AuditEntry, Decision, ModelVersion, OutboxEntry
from registry_ui.services.access import Actor
from registry_ui.services.audit import audit_verify
from registry_ui.services.candidates import Published, candidate_import
from registry_ui.services.decisions import champion_retire, version_reject
from tests.registry_ui.candidates import bundle_files, write_candidate
from tests.registry_ui.conftest import Import, generation, live

pytestmark = pytest.mark.django_db


def test_the_first_version_that_passes_its_floors_goes_live_by_a_recorded_policy(import_one: Import) -> None:
    version = import_one().version

    deployment = Deployment.objects.get(model="fruit")
    assert (deployment.generation, deployment.champion_version) == (1, version.number)
    assert deployment.champion_bundle == sha256_hex(bundle_files("fruit", 1.0)[0])
    assert read_bundle(version.bundle_hash) == bundle_files("fruit", 1.0)
    decision = Decision.objects.get()
    assert (decision.actor, decision.action, decision.generation_after) == ("policy:bootstrap", "approve", 1)
    assert Generation.objects.get().champion_bundle == version.bundle_hash
    assert (version.status, version.stage) == ("approved", "Production")
    assert [entry.action for entry in AuditEntry.objects.order_by("sequence")] == ["version.import", "version.approve"]
    assert OutboxEntry.objects.filter(model="fruit", done_at=None).exists()
    assert audit_verify() == 2


def test_a_later_version_waits_for_a_person_where_promotion_is_manual(import_one: Import) -> None:
    first = import_one().version
    second = import_one(flavour=2.0, verdict="promote").version

    assert live() == first
    assert (second.status, second.stage, second.number) == ("waiting", "Staging", 2)


def test_a_recommended_version_goes_live_where_promotion_is_automatic(import_one: Import) -> None:
    first = import_one().version
    second = import_one(flavour=2.0, verdict="promote", mode="auto").version

    first.refresh_from_db()
    assert live() == second
    assert (first.status, first.stage) == ("approved", "Archived")
    assert Decision.objects.latest("id").actor == "policy:auto"


@pytest.mark.parametrize("verdict", ["keep", "identical"])
def test_automatic_promotion_leaves_what_is_not_recommended(import_one: Import, verdict: str) -> None:
    first = import_one().version
    import_one(flavour=2.0, verdict=verdict, mode="auto")

    assert live() == first


def test_a_version_below_its_floors_is_turned_down_with_the_reason_even_as_the_first(import_one: Import) -> None:
    imported = import_one(accuracy=0.6)

    assert live() is None
    assert imported.version.status == "rejected"
    assert imported.decision is not None
    assert imported.decision.actor == "policy:floors"
    assert imported.decision.reason == "Below the floors: accuracy is 0.6000, the floor is 0.75."


def test_a_version_below_lowered_floors_is_looked_at_again(import_one: Import) -> None:
    import_one()
    import_one(flavour=2.0, accuracy=0.6)
    again = import_one(flavour=2.0, accuracy=0.6, floor=0.5)

    assert again.created is False
    assert again.version.status == "waiting"


def test_what_a_person_turned_down_stays_so_when_it_is_trained_again(import_one: Import, approver: Actor) -> None:
    first = import_one().version
    second = import_one(flavour=2.0).version
    version_reject(model="fruit", number=second.number, actor=approver, reason="bias", expected_generation=1)

    again = import_one(flavour=2.0, verdict="promote", mode="auto")

    assert again.version.status == "rejected"
    assert live() == first


def test_the_same_triple_is_one_version_and_other_data_another(import_one: Import) -> None:
    first, again, other = import_one(), import_one(), import_one(data="b")

    assert (first.version, again.created) == (again.version, False)
    assert again.version.recommendation["verdict"] == "first"  # the evidence that it went live on stays
    assert other.version.number == 2
    assert Decision.objects.count() == 1


def test_after_a_retirement_nothing_goes_live_by_itself(import_one: Import, approver: Actor) -> None:
    import_one()
    champion_retire(model="fruit", actor=approver, reason="no longer needed", expected_generation=1)
    import_one(flavour=2.0)

    assert live() is None
    assert generation() == 2


def test_a_candidate_compared_with_another_champion_is_refused_and_leaves_nothing(import_one: Import) -> None:
    import_one()

    with pytest.raises(StaleRecommendation) as refused:
        import_one(flavour=2.0, champion=None)

    assert refused.value.details["champion"] == 1
    assert ModelVersion.objects.count() == 1


def test_a_candidate_from_elsewhere_waits_whatever_it_claims(import_one: Import) -> None:
    assert import_one(elsewhere=True).version.status == "waiting"
    assert live() is None

    first = import_one(flavour=2.0).version
    stale = import_one(flavour=3.0, champion=None, mode="auto", verdict="promote", elsewhere=True)
    assert stale.version.status == "waiting"
    assert live() == first


def test_numbers_follow_the_tracking_server_and_stay_unique_when_it_was_emptied(tmp_path: Path, db: None) -> None:
    actor = Actor.operator("test")

    def imported(flavour: float, run_id: str, number: int) -> ModelVersion:
        root = write_candidate(tmp_path / "c", flavour=flavour, champion=live())
        published = Published(run_id, number, "http://mlflow/x")
        return candidate_import(model="fruit", root=root, actor=actor, published=published).version

    assert imported(1.0, "r1", 4).number == 4
    assert imported(2.0, "r2", 1).number == 1
    assert imported(3.0, "r3", 1).number == 5
    again = imported(2.0, "r9", 3)
    assert (again.number, again.tracking_version, again.run_id) == (1, 3, "r9")


def test_changed_bundle_bytes_are_not_imported(tmp_path: Path, db: None) -> None:
    root = write_candidate(tmp_path)
    manifest = root / Artifacts("fruit").bundle / "bundle.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"threshold":0.5', b'"threshold":0.1'))

    with pytest.raises(InvalidBundle):
        candidate_import(model="fruit", root=root, actor=Actor.operator("test"))

    assert not ModelVersion.objects.exists()
