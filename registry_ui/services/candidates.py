"""Candidate import: the one way by which a trained version enters the registry, whoever trained it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max

from predictions.bundle_store import store_bundle
from predictions.models import Deployment
from registry_ui.errors import StaleRecommendation
from registry_ui.models import Decision, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.candidate_files import Candidate, candidate_read
from registry_ui.services.decisions import decision_event, decision_record, version_turn_down
from registry_ui.services.deployments import champion_swap, deployment_ensure, deployment_lock
from registry_ui.services.notifications import approval_notify
from registry_ui.services.outbox import mirror_request
from registry_ui.services.policy import Ruling, policy_rule
from registry_ui.services.run_state import RunClaim, run_succeed


@dataclass(frozen=True)
class Published:
    """Where a version stands on the tracking server."""

    run_id: str
    version: int
    url: str = ""


@dataclass(frozen=True)
class Imported:
    """What an import did. `decision` is None where the policy left the version as it was."""

    version: ModelVersion
    created: bool
    decision: Decision | None


def candidate_import(
    *,
    model: str,
    root: Path,
    actor: Actor,
    published: Published | None = None,
    run: RunClaim | None = None,
    elsewhere: bool = False,
) -> Imported:
    """Import the candidate that stands under `root`/artifacts, apply the policy, and end `run` with it.

    The same (model, bundle hash, data hash) gives the same version. StaleRecommendation where it was compared with
    another champion than the one of now. RunFenced where `run` is no longer the row's current attempt; then nothing of
    the import stays but the bundle, which nothing names. A candidate from `elsewhere` brings claims, which whoever may
    write to the tracking server can make: it may be stale, and waits for a person whatever its policy says.
    """
    candidate = candidate_read(model=model, root=root)
    store_bundle(candidate.manifest, candidate.fitted)
    deployment_ensure(model=model)
    with transaction.atomic():
        deployment = deployment_lock(model=model)
        if not elsewhere and not _is_current(candidate, deployment):
            raise _stale(candidate, deployment)
        version, created = _version(candidate, deployment, published, actor, run)
        ruling = policy_rule(version=version, recommendation=candidate.recommendation, deployment=deployment)
        if elsewhere and ruling and ruling.action == Decision.Action.APPROVE:
            ruling = None
        decision = _apply(version, ruling, deployment.generation) if ruling else None
        mirror_request(model=model, cause=f"imported {version}")
        approval_notify(version=version)
        if run is not None:
            run_succeed(claim=run, version=version)
        events = [_import_event(version, created, actor, run), *([decision_event(decision)] if decision else [])]
        audit_append(events=events)
    return Imported(version, created, decision)


def _is_current(candidate: Candidate, deployment: Deployment) -> bool:
    compared = candidate.recommendation.champion
    return (compared and compared.bundle_hash) == deployment.champion_bundle


def _stale(candidate: Candidate, deployment: Deployment) -> StaleRecommendation:
    compared = candidate.recommendation.champion
    before = "no version" if compared is None else f"version {compared.version}"
    now = "none" if deployment.champion_version is None else f"version {deployment.champion_version}"
    return StaleRecommendation(
        f"The candidate of {candidate.model} was compared with {before}, but {now} serves now.",
        advice="Evaluate it again.",
        details={"model": candidate.model, "champion": deployment.champion_version},
    )


def _version(
    candidate: Candidate, deployment: Deployment, published: Published | None, actor: Actor, run: RunClaim | None
) -> tuple[ModelVersion, bool]:
    """The version of this triple, with what was learned of it now; a new one takes the server's number where free.

    The champion keeps the evidence that it went live on: compared with itself, it would only be "identical".
    """
    place: dict[str, Any] = {}
    if published is not None:
        place = {
            "run_id": published.run_id,
            "tracking_version": published.version,
            "tracking_url": published.url,
        }
    learned = place | {"recommendation": candidate.recommendation_text, "report": candidate.report}
    triple = {"model": candidate.model, "bundle_hash": candidate.bundle_hash, "data_hash": candidate.data_hash}
    version = ModelVersion.objects.filter(**triple).first()
    if version is not None:
        news = place if version.number == deployment.champion_version else learned
        for name, value in news.items():
            setattr(version, name, value)
        version.save(update_fields=list(news))
        return version, False
    created = ModelVersion.objects.create(
        **triple,
        **learned,
        number=_free_number(candidate.model, published),
        stage=ModelVersion.Stage.STAGING,
        metrics=candidate.report["metrics"],
        lineage=_lineage(candidate, run),
        spec=candidate.spec,
        requested_by=run.requested_by if run else actor.name,
    )
    return created, True


def _free_number(model: str, published: Published | None) -> int:
    """The tracking server's number, or the next one: an emptied server counts from 1 again, we do not."""
    known = ModelVersion.objects.filter(model=model)
    if published is not None and not known.filter(number=published.version).exists():
        return published.version
    return (known.aggregate(last=Max("number"))["last"] or 0) + 1


def _lineage(candidate: Candidate, run: RunClaim | None) -> dict[str, Any]:
    return {
        "bundle_hash": candidate.bundle_hash,
        "data_hash": candidate.data_hash,
        "pipeline_run": str(run.run_id) if run else None,
    }


def _apply(version: ModelVersion, ruling: Ruling, generation: int) -> Decision:
    """Carry out the policy's ruling as a recorded decision."""
    actor = Actor.policy(ruling.policy)
    after = generation
    if ruling.action == Decision.Action.APPROVE:
        cause = f"{actor.name} approved"
        after = champion_swap(model=version.model, to=version, expected_generation=generation, cause=cause)
    elif ruling.action == Decision.Action.REJECT:
        version_turn_down(version=version)
    else:
        version.status, version.stage = ModelVersion.Status.WAITING, ModelVersion.Stage.STAGING
        version.save(update_fields=["status", "stage"])
    return decision_record(
        version=version,
        action=ruling.action,
        actor=actor,
        reason=ruling.reason,
        before=generation,
        after=after,
    )


def _import_event(version: ModelVersion, created: bool, actor: Actor, run: RunClaim | None) -> Event:
    return Event(
        actor=actor.name,
        action="version.import" if created else "version.import_again",
        model=version.model,
        subject=str(version),
        details={
            "bundle_hash": version.bundle_hash,
            "data_hash": version.data_hash,
            "pipeline_run": [str(run.run_id), run.attempt] if run else None,
        },
    )
