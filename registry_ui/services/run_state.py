"""The states of a pipeline run's row. Each transition is a compare-and-set on (id, attempt, state): the fence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from registry_ui.errors import RunFenced
from registry_ui.models import ModelVersion, PipelineRun

_State = PipelineRun.State
_WATERMARK_LENGTH = 200


@dataclass(frozen=True)
class RunClaim:
    """One attempt of a run, held by one worker process. It is worth something while the row says the same."""

    run_id: UUID
    attempt: int
    model: str
    trigger: str
    requested_by: str


def run_claim(*, run_id: UUID) -> RunClaim | None:
    """Take a queued run; None where it was taken, cancelled or ended. Of many messages for one run, one wins."""
    now = timezone.now()
    queued = PipelineRun.objects.filter(pk=run_id, state=_State.QUEUED)
    claimed = queued.filter(attempt__lt=settings.RUN_MAX_ATTEMPTS).update(
        state=_State.RUNNING,
        attempt=F("attempt") + 1,
        lease_expires_at=_lease_end(),
        started_at=now,
        stage="",
        stages=[],
        log="",
        error="",
    )
    if not claimed:
        return None
    run = PipelineRun.objects.get(pk=run_id)
    return RunClaim(run.pk, run.attempt, run.model, run.trigger, run.requested_by)


def run_renew(*, claim: RunClaim) -> bool:
    """Extend the lease; False where the attempt is no longer the current one."""
    return _held(claim).update(lease_expires_at=_lease_end()) == 1


def run_progress(*, claim: RunClaim, stages: list[dict[str, object]], log: str) -> None:
    """Show how far it is. Says nothing where the attempt is no longer the current one."""
    running = [str(stage["stage"]) for stage in stages if stage["state"] == "running"]
    _held(claim).update(stages=stages, stage=running[-1] if running else "", log=log)


def run_saw(*, claim: RunClaim, ingestion: Mapping[str, Any]) -> None:
    """Keep how many documents the source held, and the last one's id: what came later is counted from there."""
    documents = ingestion.get("rows", 0) + ingestion.get("quarantined", 0)
    watermark = str(ingestion.get("watermark") or "")[:_WATERMARK_LENGTH]
    _held(claim).update(documents=documents, watermark=watermark)


def run_succeed(*, claim: RunClaim, version: ModelVersion) -> None:
    """End the run with its version, inside the import's transaction; RunFenced undoes that transaction."""
    ended = _held(claim).update(
        state=_State.SUCCEEDED, version=version, finished_at=timezone.now(), lease_expires_at=None, stage=""
    )
    if not ended:
        raise RunFenced(
            f"Attempt {claim.attempt} of run {claim.run_id} is no longer the current one.",
            advice="Its candidate was not imported; the current attempt's will be.",
            details={"run": str(claim.run_id), "attempt": claim.attempt},
        )


def run_release(*, claim: RunClaim) -> bool:
    """Queue the run again, because its worker has to end; False where this was the last attempt, or is not current."""
    now = timezone.now()
    released = (
        _held(claim)
        .filter(attempt__lt=settings.RUN_MAX_ATTEMPTS)
        .update(state=_State.QUEUED, due_at=now, published_at=None, lease_expires_at=None, stage="")
    )
    return released == 1


def run_fail(*, claim: RunClaim, error: str, log: str) -> bool:
    """End the run with what went wrong; False where the attempt is no longer the current one."""
    said = error.replace("\x00", "")  # PostgreSQL refuses it, and a stage may print it
    ended = _held(claim).update(
        state=_State.FAILED, error=said, log=log, finished_at=timezone.now(), lease_expires_at=None, stage=""
    )
    return ended == 1


def _held(claim: RunClaim) -> QuerySet[PipelineRun]:
    return PipelineRun.objects.filter(pk=claim.run_id, attempt=claim.attempt, state=_State.RUNNING)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.RUN_LEASE_SECONDS)
