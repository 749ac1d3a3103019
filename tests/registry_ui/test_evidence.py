"""What an approver saw: one JSON value, frozen with the decision, shown again when everything else has changed."""

import json
from pathlib import Path

import pytest

from ml_pipeline.canonical import canonical_json, sha256_hex
from registry_ui.errors import EvidenceBroken
from registry_ui.models import AuditEntry, Decision, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.decisions import champion_roll_back, version_approve
from registry_ui.services.evidence import evidence_collect, evidence_frozen, slice_warnings
from tests.registry_ui.conftest import Import
from tests.registry_ui.test_flips import TIMID, computed

pytestmark = pytest.mark.django_db


@pytest.fixture
def timid(import_one: Import) -> ModelVersion:
    import_one(held_out=True)
    version = import_one(flavour=2.0, threshold=TIMID, held_out=True).version
    computed(version)
    return version


def approve(approver: Actor, number: int = 2) -> Decision:
    return version_approve(model="fruit", number=number, actor=approver, reason="fine", expected_generation=1)


def test_the_evidence_is_pure_json_and_says_what_differs(timid: ModelVersion) -> None:
    evidence = evidence_collect(timid)

    assert json.loads(canonical_json(evidence)) == evidence
    assert (evidence["serving"]["version"], evidence["out_of_date"]) == (1, False)
    assert evidence["flips"]["flipped"] == 10
    assert {"name": "estimator.params.C", "before": "1.0", "after": "2.0"} in evidence["differences"]["spec"]
    assert evidence["differences"]["data"] == []
    recall = next(row for row in evidence["metrics"] if row["metric"] == "recall")
    assert (recall["candidate"]["value"], recall["champion"]["value"], recall["paired"]["difference"]) == (0, 1, -1)
    assert [row["flips"] for row in evidence["curves"]["thresholds"] if row["own"]] == [10]


def test_a_slice_that_gets_worse_beyond_its_interval_is_named(timid: ModelVersion) -> None:
    found = {(one["field"], one["value"], one["metric"]) for one in evidence_collect(timid)["warnings"]}

    assert {("colour", "green", "recall"), ("colour", "red", "expected_cost")} <= found
    within = {"champion": {"slices": {"a": {"b": {"rows": 9, "differences": {"recall": {"low": -0.1, "high": 0.01}}}}}}}
    assert slice_warnings(within, {}) == []


def test_a_decision_freezes_what_its_approver_saw(timid: ModelVersion, approver: Actor) -> None:
    seen = evidence_collect(timid)
    decision = approve(approver)

    digest = decision.evidence["frozen_sha256"]
    assert evidence_frozen(digest) == seen
    assert sha256_hex(canonical_json(seen)) == digest
    ModelVersion.objects.update(report={}, curves={}, recommendation={})
    assert evidence_frozen(digest) == seen
    entry = AuditEntry.objects.get(action="version.approve", actor="olga")
    assert json.loads(entry.payload)["details"]["frozen_sha256"] == digest
    assert "fruit-1" not in entry.payload + json.dumps(decision.evidence)  # no row, no input


def test_a_roll_back_and_a_policy_freeze_theirs_too(timid: ModelVersion, approver: Actor) -> None:
    approve(approver)
    decision = champion_roll_back(model="fruit", actor=approver, reason="oops", expected_generation=2)

    frozen = evidence_frozen(decision.evidence["frozen_sha256"])
    assert (frozen["version"]["number"], frozen["serving"]["version"]) == (1, 2)
    bootstrap = Decision.objects.get(actor="policy:bootstrap")
    assert evidence_frozen(bootstrap.evidence["frozen_sha256"])["serving"] is None


def test_evidence_that_was_changed_or_removed_is_named(
    timid: ModelVersion, approver: Actor, bundle_folder: Path
) -> None:
    digest = approve(approver).evidence["frozen_sha256"]
    file = bundle_folder / "evidence" / f"{digest}.json"

    file.write_bytes(file.read_bytes().replace(b"fruit", b"fruta"))
    with pytest.raises(EvidenceBroken, match=f"evidence/{digest}.json in the bundle store was changed"):
        evidence_frozen(digest)
    file.unlink()
    with pytest.raises(EvidenceBroken, match="is missing"):
        evidence_frozen(digest)


def test_flips_with_a_former_champion_are_marked_as_out_of_date(
    timid: ModelVersion, approver: Actor, import_one: Import
) -> None:
    third = import_one(flavour=3.0, held_out=True).version
    version_approve(model="fruit", number=third.number, actor=approver, reason="x", expected_generation=1)

    evidence = evidence_collect(timid)

    assert evidence["flips"]["champion"]["version"] == 1
    assert (evidence["flips"]["out_of_date"], evidence["out_of_date"]) == (True, True)
