"""A registry as it looks after years: many models with many versions, each with the evidence that a real run leaves."""

import random
from datetime import timedelta
from typing import Any

from django.utils import timezone
from uuid_utils.compat import uuid7

from ml_pipeline.canonical import sha256_hex
from predictions.models import Deployment, Generation, Prediction
from registry_ui.models import (
    ApprovalRequest,
    AuditEntry,
    AuditHead,
    BackgroundTask,
    Decision,
    ForeignChange,
    MirrorState,
    ModelVersion,
    OutboxEntry,
    PipelineRun,
)

_WAITING_EVERY = 10  # models
_MOVED_EVERY = 5  # versions


def fill_registry(*, models: int, versions: int, predictions: int = 0, first: int = 0) -> None:
    """Every model has that many versions, each by a run; every fifth went live, and some models' last one waits.

    Models are numbered from `first` on: a second call adds to the first.
    """
    names = [f"model-{number:03d}" for number in range(first, first + models)]
    now = timezone.now()
    for place, name in enumerate(names):
        waits = place % _WAITING_EVERY == 0
        rows = [_version(name, number, waiting=waits and number == versions) for number in range(1, versions + 1)]
        live = [row for row in rows if row.number % _MOVED_EVERY == 0 and row.status == "approved"] or rows[:1]
        live[-1].stage = "Production"
        rows = ModelVersion.objects.bulk_create(rows, batch_size=100)
        _decide(name, rows, live)
        PipelineRun.objects.bulk_create([_run(row) for row in rows])
    _audit(names)
    OutboxEntry.objects.bulk_create([OutboxEntry(model=name, cause="approved", next_try_at=now) for name in names])
    _ask(names)
    _mirror(names)
    _predict(names, predictions)


def _hash(*what: object) -> str:
    return sha256_hex(repr(what).encode())


def _metrics(source: random.Random) -> dict[str, Any]:
    names = ("accuracy", "f1", "roc_auc", "pr_auc", "brier", "precision", "recall", "expected_cost")
    values = {name: source.uniform(0.5, 0.9) for name in names}
    return {name: {"value": value, "low": value - 0.03, "high": value + 0.03} for name, value in values.items()}


def _version(model: str, number: int, *, waiting: bool) -> ModelVersion:
    source = random.Random(f"{model} {number}")  # noqa: S311 - data for a measurement
    metrics = _metrics(source)
    champion = {"version": max(1, number - 1), "bundle_hash": _hash(model, number - 1)}
    slices = {f"v{i}": {"rows": 100 + i, "metrics": _metrics(source)} for i in range(25)}
    return ModelVersion(
        model=model,
        number=number,
        bundle_hash=_hash(model, number),
        data_hash=_hash("data", model, number),
        stage="Staging" if waiting else "Archived",
        status="waiting" if waiting else "approved" if number % _MOVED_EVERY == 0 or number == 1 else "rejected",
        metrics=metrics,
        report={
            "metrics": metrics,
            "champion": {**champion, "comparable": True, "metrics": _metrics(source), "candidate_metrics": metrics},
            "slices": {"c": slices},
            "parameters": {f"parameter_{i}": i for i in range(30)},
            "threshold": 0.5,
        },
        recommendation={
            "verdict": "promote",
            "reasons": ["Every floor is reached.", "F1 is 0.7474, the champion's is 0.5432 on the same 387 rows."],
            "champion": champion,
            "promotion": {"mode": "manual", "metric": "f1", "minimum_gain": 0.0, "floors": {"accuracy": 0.5}},
            "metrics": {name: value["value"] for name, value in metrics.items()},
        },
        lineage={"pipeline_run": None},
        spec={"inputs": {f"column_{i}": {"type": "number", "help": "What it is." * 5} for i in range(30)}},
        parameters={f"parameter_{i}": str(i) for i in range(30)},
        tags={f"tag_{i}": "a word" for i in range(10)},
        curves=_curves(source),
        rows_hash=_hash("rows", model, number),
        requested_by="rui",
    )


def _curves(source: random.Random) -> dict[str, Any]:
    def line(x: str, y: str, count: int) -> list[dict[str, float]]:
        return [{x: place / count, y: source.random()} for place in range(count)]

    both = {
        "roc": line("false_positive_rate", "true_positive_rate", 100),
        "precision_recall": line("recall", "precision", 100),
        "calibration": line("mean_probability", "share_of_label", 10),
    }
    table = [{"threshold": place / 50, "accuracy": 0.8, "f1": 0.7, "expected_cost": 0.3} for place in range(50)]
    return {"rows": 387, "champion": both, "candidate": both, "thresholds": table, "champion_thresholds": table}


def _decide(model: str, rows: list[ModelVersion], live: list[ModelVersion]) -> None:
    current = live[-1]
    Deployment.objects.create(
        model=model,
        generation=len(live),
        champion_version=current.number,
        champion_bundle=current.bundle_hash,
    )
    Generation.objects.bulk_create(
        [
            Generation(
                model=model,
                number=number,
                champion_version=row.number,
                champion_bundle=row.bundle_hash,
                cause="approved by olga",
            )
            for number, row in enumerate(live, start=1)
        ]
    )
    places = {row.pk: number for number, row in enumerate(live, start=1)}
    Decision.objects.bulk_create(
        [
            Decision(
                model=model,
                version=row,
                action="approve" if row.pk in places else "reject",
                actor="olga",
                reason="Looked at the held-out metrics and at the slices.",
                generation_before=places.get(row.pk, 1) - (row.pk in places),
                generation_after=places.get(row.pk, 1),
                evidence={"bundle_hash": row.bundle_hash, "recommendation": row.recommendation},
            )
            for row in rows
            if row.status != "waiting"
        ]
    )


def _run(version: ModelVersion) -> PipelineRun:
    now = timezone.now()
    return PipelineRun(
        model=version.model,
        trigger="schedule",
        requested_by="system:schedule",
        state="succeeded",
        due_at=now,
        started_at=now,
        finished_at=now,
        log="a line of what the stages said\n" * 200,
        stages=[{"stage": stage, "state": "done", "seconds": 1.0} for stage in ("ingestion", "evaluation")],
        version=version,
    )


def _ask(names: list[str]) -> None:
    """What waits was asked for; its replay failed, and other thresholds were asked for since."""
    waiting = ModelVersion.objects.filter(model__in=names, status="waiting")
    people, now = {"started_by": "rui", "requested_by": "rui"}, timezone.now()
    ApprovalRequest.objects.bulk_create(
        [ApprovalRequest(model=one.model, version=one, four_eyes=True, **people) for one in waiting]
    )
    BackgroundTask.objects.bulk_create(
        [
            BackgroundTask(
                model=one.model,
                kind=kind,
                subject=f"{one} at {place}",
                asked={"version": one.number, "threshold": 0.4},
                requested_by="rui",
                state="succeeded" if kind == "threshold" else "failed",
                due_at=now,
                finished_at=now,
            )
            for one in waiting
            for place, kind in enumerate(["flips", *["threshold"] * 10])
        ]
    )


def _mirror(names: list[str]) -> None:
    """Every model was read; a stage and an alias of it were changed on the tracking server."""
    now = timezone.now()
    MirrorState.objects.bulk_create([MirrorState(model=name, synced_at=now) for name in names])
    ForeignChange.objects.bulk_create(
        [
            ForeignChange(model=name, kind=kind, name=item, ours=ours, theirs=theirs)
            for name in names
            for kind, item, ours, theirs in (("stage", "1", "Archived", "Production"), ("alias", "champion", "2", "1"))
        ]
    )


def _audit(names: list[str]) -> None:
    """Entries of the right size; their hashes are none."""
    at, rows = timezone.now(), []
    head, _ = AuditHead.objects.get_or_create(pk=1, defaults={"hash": _hash("audit log")})
    last, decisions = head.hash, Decision.objects.filter(model__in=names).select_related("version")
    for sequence, decision in enumerate(decisions, start=head.sequence + 1):
        row = AuditEntry(
            sequence=sequence,
            at=at,
            actor=decision.actor,
            action=f"version.{decision.action}",
            model=decision.model,
            subject=str(decision.version),
            payload='{"details":{"reason":"Looked at the held-out metrics and at the slices."}}' * 5,
            previous_hash=last,
            hash=_hash(sequence),
        )
        last = row.hash
        rows.append(row)
    AuditEntry.objects.bulk_create(rows, batch_size=1_000)
    AuditHead.objects.update(sequence=head.sequence + len(rows), hash=last)


def _predict(models: list[str], count: int) -> None:
    now = timezone.now()
    for start in range(0, count, 5_000):
        Prediction.objects.bulk_create(
            [
                Prediction(
                    id=uuid7(),
                    created_at=now - timedelta(seconds=number),
                    model=models[number % len(models)],
                    version=1 + number % 50,
                    bundle=_hash("bundle"),
                    route="champion",
                    entity_id=f"entity {number % 1_000}",
                    inputs={"text": "a fine film that goes on and on " * 10},
                    label="yes" if number % 3 else "no",
                    probability=0.7,
                    threshold=0.5,
                    latency_us=900,
                )
                for number in range(start, min(count, start + 5_000))
            ]
        )
