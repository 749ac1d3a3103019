"""Inputs go when their time has passed, from the log and from what was copied out of it; answers and hashes stay."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions.models import Prediction
from registry_ui import tasks
from registry_ui.errors import EvidenceBroken
from registry_ui.models import AuditEntry, BackgroundTask, ModelVersion
from registry_ui.services import retention
from registry_ui.services.access import Actor
from registry_ui.services.audit import audit_verify
from registry_ui.services.decisions import version_approve
from registry_ui.services.evidence import evidence_collect, evidence_frozen
from registry_ui.services.retention import inputs_erase
from tests.registry_ui.conftest import Import
from tests.registry_ui.test_flips import TIMID, computed

pytestmark = pytest.mark.django_db


def logged(days: float, *, version: int = 1, input_hash: str = "c" * 64) -> Prediction:
    return Prediction.objects.create(
        id=uuid4(), created_at=timezone.now() - timedelta(days=days), model="fruit", version=version, bundle="",
        route="champion", inputs={"weight": 15.0}, input_hash=input_hash, label="yes", probability=0.9, latency_us=9,
    )  # fmt: skip


def kept() -> set[object]:
    return set(Prediction.objects.filter(inputs__isnull=False).values_list("pk", flat=True))


def test_each_versions_rows_go_after_its_own_number_of_days(
    import_one: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    import_one()
    brief = import_one(flavour=2.0).version
    ModelVersion.objects.filter(pk=brief.pk).update(spec={**brief.spec, "serving": {"retention_days": 7}})
    young = {logged(89).pk, logged(6, version=2).pk}
    for _ in range(5):
        logged(91)
    logged(8, version=2)
    logged(91, version=99)
    before = AuditEntry.objects.count()

    erased = inputs_erase(actor=Actor.system("retention"))

    assert (dict(erased.rows), kept()) == ({"fruit": 7}, young)
    assert set(Prediction.objects.values_list("label", "input_hash")) == {("yes", "c" * 64)}
    [entry] = AuditEntry.objects.filter(sequence__gt=before)
    assert json.loads(entry.payload)["details"] == {"rows": {"fruit": 7}, "replayed_cases": 0}
    tasks.erase_inputs()
    assert audit_verify() == before + 1, "nothing to erase is nothing to record"


def test_a_row_from_before_hashes_were_logged_gets_its_hash_first(import_one: Import) -> None:
    import_one()
    logged(91, input_hash="")
    out = StringIO()
    call_command("erase_inputs", stdout=out)

    row = Prediction.objects.get()
    assert (row.inputs, row.input_hash) == (None, sha256_hex(canonical_json({"weight": 15.0})))
    assert "fruit: the inputs of 1 predictions were erased." in out.getvalue()


def test_a_finished_replay_shows_no_more_than_the_log_keeps(import_one: Import) -> None:
    import_one(held_out=True)
    version = import_one(flavour=2.0, threshold=TIMID, held_out=True).version
    old, young = logged(91), logged(1)
    task = computed(version)

    assert inputs_erase(actor=Actor.system("retention")).cases == 1
    assert inputs_erase(actor=Actor.system("retention")).cases == 0

    cases = {case["id"]: case["inputs"] for case in evidence_collect(version)["flips"]["cases"]}
    assert cases == {str(old.pk): {}, str(young.pk): {"weight": 15.0}}
    Prediction.objects.update(created_at=timezone.now() - timedelta(days=91))
    inputs_erase(actor=Actor.system("retention"))
    task = BackgroundTask.objects.get(pk=task.pk)
    assert task.result["inputs_erased"]
    assert "weight" not in json.dumps(task.result["cases"])


def test_frozen_evidence_loses_the_inputs_and_keeps_its_proof(
    import_one: Import, approver: Actor, bundle_folder: Path
) -> None:
    import_one(held_out=True)
    version = import_one(flavour=2.0, threshold=TIMID, held_out=True).version
    old, young = logged(89), logged(1)
    computed(version)
    seen = evidence_collect(version)
    decision = version_approve(model="fruit", number=2, actor=approver, reason="fine", expected_generation=1)
    digest = decision.evidence["frozen_sha256"]
    sealed = bundle_folder / "evidence" / f"{digest}.json"
    opened = bundle_folder / "evidence" / "inputs" / f"{digest}.json"

    assert evidence_frozen(digest) == seen
    assert sha256_hex(sealed.read_bytes()) == digest
    assert b"15.0" not in sealed.read_bytes()
    Prediction.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    assert inputs_erase(actor=Actor.system("retention")).cases == 2, "of the replay, and of the decision"
    frozen = {case["id"]: case["inputs"] for case in evidence_frozen(digest)["flips"]["cases"]}
    assert frozen == {str(old.pk): {}, str(young.pk): {"weight": 15.0}}
    assert str(old.pk) not in opened.read_text()

    opened.write_text(opened.read_text().replace("15.0", "16.0"))
    with pytest.raises(EvidenceBroken, match=f"evidence/inputs/{digest}.json"):
        evidence_frozen(digest)
    Prediction.objects.update(inputs=None)
    inputs_erase(actor=Actor.system("retention"))
    assert not opened.exists()
    assert sha256_hex(sealed.read_bytes()) == digest


def test_what_has_only_a_hash_is_left_out_of_a_replay_which_says_so(import_one: Import) -> None:
    import_one(held_out=True)
    logged(3)
    for _ in range(2):
        Prediction.objects.filter(pk=logged(2).pk).update(inputs=None)
    result = computed(import_one(flavour=2.0, threshold=TIMID, held_out=True).version).result

    assert (result["source"], result["asked"], result["not_kept"]) == ("predictions", 1, 2)
    Prediction.objects.update(inputs=None)
    result = computed(import_one(flavour=3.0, threshold=TIMID, held_out=True).version).result
    assert (result["source"], result["not_kept"]) == ("held_out", 3)
