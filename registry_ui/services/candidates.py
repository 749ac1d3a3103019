"""Candidate import: the one way by which a trained version enters the registry, whoever trained it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from django.db import transaction
from django.db.models import Max

from ml_pipeline.tracking.tracked_lineage import TrackedLineage
from predictions.bundle_store import store_bundle
from predictions.models import Deployment
from registry_ui.errors import StaleRecommendation
from registry_ui.models import ApprovalRequest, Decision, ModelPolicy, ModelVersion
from registry_ui.selectors import current_approval
from registry_ui.services.access import Actor
from registry_ui.services.approvals import approval_decide, approval_note, approval_open
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.candidate_files import Candidate, candidate_read
from registry_ui.services.decisions import decision_event, decision_record, version_turn_down
from registry_ui.services.deployments import champion_swap, deployment_ensure, deployment_lock
from registry_ui.services.evidence_store import ROWS, evidence_keep
from registry_ui.services.flips import flips_prepare
from registry_ui.services.notifications import approval_notify
from registry_ui.services.origin import origin, origin_learn
from registry_ui.services.outbox import mirror_request
from registry_ui.services.policy import Refusal, Ruling, policy_rule
from registry_ui.services.run_state import RunClaim, run_succeed


@dataclass(frozen=True)
class Published:
    """Where a version stands on the tracking server, and what that server tells of it."""

    run_id: str
    version: int
    url: str = ""
    lineage: TrackedLineage = field(default_factory=TrackedLineage)

    @classmethod
    def told(cls, record: Mapping[str, Any]) -> Self:
        """From the record that a publish step prints."""
        return cls(
            run_id=record["run_id"],
            version=record["version"],
            url=record.get("url") or "",
            lineage=TrackedLineage(**record.get("lineage", {})),
        )


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
    the import stays but bundle, scores and held-out rows in their stores, which nothing names. A candidate from
    `elsewhere` brings claims, which whoever may write to the tracking server can make: it may be stale, and waits for a
    person whatever its policy says.
    """
    candidate = candidate_read(model=model, root=root)
    store_bundle(candidate.manifest, candidate.fitted)
    kept = _keep(candidate)
    deployment_ensure(model=model)
    with transaction.atomic():
        deployment = deployment_lock(model=model)
        if not elsewhere and not _is_current(candidate, deployment):
            raise _stale(candidate, deployment)
        asker = run.requested_by if run else actor.name
        version, created = _version(candidate, deployment, published, kept, asker, run)
        if created:
            approval_open(version=version, requested_by=asker)
        ruling = policy_rule(
            version=version, recommendation=candidate.recommendation, deployment=deployment, elsewhere=elsewhere
        )
        decision = _apply(version, ruling, deployment.generation, asker) if isinstance(ruling, Ruling) else None
        refusal = ruling if isinstance(ruling, Refusal) else None
        approval_note(version=version, policy_says=refusal.reason if refusal else "")
        mirror_request(model=model, cause=f"imported {version}")
        approval_notify(version=version)
        if not elsewhere:
            _declare(candidate)
        if run is not None:
            run_succeed(claim=run, version=version)
        if version.status == ModelVersion.Status.WAITING:
            flips_prepare(version=version)
        imported = _import_event(version, created, actor, run, refusal)
        audit_append(events=[imported, *([decision_event(decision)] if decision else [])])
    return Imported(version, created, decision)


def _declare(candidate: Candidate) -> None:
    """Keep when to train as params.yaml says it now: it is no part of a version, and holds at once."""
    declared = candidate.recommendation.retraining.model_dump(mode="json")
    ModelPolicy.objects.update_or_create(model=candidate.model, defaults={"retraining": declared})


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


def _keep(candidate: Candidate) -> dict[str, Any]:
    """What the review page needs of the evaluation, kept by its hash, as columns of the version."""
    kept: dict[str, Any] = {"bundle_bytes": len(candidate.manifest) + len(candidate.fitted)}
    if candidate.held_out is not None:
        kept["curves"] = candidate.held_out.curves
        kept["scores_hash"] = evidence_keep(candidate.held_out.scores, suffix=ROWS)
        if candidate.held_out.rows is not None:
            kept["rows_hash"] = evidence_keep(candidate.held_out.rows, suffix=ROWS)
    return kept


def _version(
    candidate: Candidate,
    deployment: Deployment,
    published: Published | None,
    kept: dict[str, Any],
    requested_by: str,
    run: RunClaim | None,
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
            "run_url": published.lineage.run_url,
            "parameters": dict(published.lineage.parameters),
            "tags": dict(published.lineage.tags),
        }
    learned = place | kept | {"recommendation": candidate.recommendation_text, "report": candidate.report}
    triple = {"model": candidate.model, "bundle_hash": candidate.bundle_hash, "data_hash": candidate.data_hash}
    version = ModelVersion.objects.filter(**triple).first()
    if version is not None:
        news = place if version.number == deployment.champion_version else learned
        for name, value in news.items():
            setattr(version, name, value)
        version.save(update_fields=list(news))
        if published is not None:
            origin_learn(version=version, told=published.lineage)
        return version, False
    created = ModelVersion.objects.create(
        **triple,
        **learned,
        number=_free_number(candidate.model, published),
        stage=ModelVersion.Stage.STAGING,
        metrics=candidate.report["metrics"],
        lineage=origin(candidate, published.lineage if published else TrackedLineage(), run),
        spec=candidate.spec,
        requested_by=requested_by,
    )
    return created, True


def _free_number(model: str, published: Published | None) -> int:
    """The tracking server's number, or the next one: an emptied server counts from 1 again, we do not."""
    known = ModelVersion.objects.filter(model=model)
    if published is not None and not known.filter(number=published.version).exists():
        return published.version
    return (known.aggregate(last=Max("number"))["last"] or 0) + 1


def _apply(version: ModelVersion, ruling: Ruling, generation: int, asker: str) -> Decision:
    """Carry out the policy's ruling as a recorded decision about the version's current request, or about a new one."""
    actor = Actor.policy(ruling.policy)
    after = generation
    if current_approval(version=version) is None:
        approval_open(version=version, requested_by=asker)
    if ruling.action == Decision.Action.APPROVE:
        approval_decide(version=version, state=ApprovalRequest.State.APPROVED, actor=actor)
        cause = f"{actor.name} approved"
        after = champion_swap(model=version.model, to=version, expected_generation=generation, cause=cause)
    elif ruling.action == Decision.Action.REJECT:
        approval_decide(version=version, state=ApprovalRequest.State.REJECTED, actor=actor)
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


def _import_event(
    version: ModelVersion, created: bool, actor: Actor, run: RunClaim | None, refusal: Refusal | None
) -> Event:
    return Event(
        actor=actor.name,
        action="version.import" if created else "version.import_again",
        model=version.model,
        subject=str(version),
        details={
            "bundle_hash": version.bundle_hash,
            "data_hash": version.data_hash,
            "pipeline_run": [str(run.run_id), run.attempt] if run else None,
            "policy_refused": [refusal.rule, refusal.reason] if refusal else None,
        },
    )
