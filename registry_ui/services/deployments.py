"""The one place that changes what serves. Every change is a compare-and-set on the deployment's generation."""

from typing import Any

from django.db.models import F
from django.utils import timezone

from predictions.models import Deployment, Generation
from registry_ui.errors import StaleGeneration
from registry_ui.models import ModelVersion
from registry_ui.selectors import deployment_get, happened_since
from registry_ui.services.approvals import canary_approval_reopen

_Stage, _Status = ModelVersion.Stage, ModelVersion.Status
_NO_CANARY: dict[str, Any] = {"canary_version": None, "canary_bundle": None, "canary_share": None}


def deployment_ensure(*, model: str) -> Deployment:
    """The model's one row; made, with nothing live, when the model is first heard of."""
    return Deployment.objects.get_or_create(model=model)[0]


def champion_swap(*, model: str, to: ModelVersion | None, expected_generation: int, cause: str) -> int:
    """Let `to` serve (None: nothing) and give the new generation, inside the caller's transaction.

    StaleGeneration where another decision came first. A canary ends: it was measured against the champion that leaves.
    """
    number, bundle = (None, None) if to is None else (to.number, to.bundle_hash)
    champion = {"champion_version": number, "champion_bundle": bundle}
    generation = _move(model, expected_generation, cause, **champion, **_NO_CANARY)
    _canary_leaves(model, replaced_by=to)
    ModelVersion.objects.filter(model=model, stage=_Stage.PRODUCTION).update(stage=_Stage.ARCHIVED)
    if to is not None:
        to.status, to.stage = _Status.APPROVED, _Stage.PRODUCTION
        to.save(update_fields=["status", "stage"])
    return generation


def canary_set(*, version: ModelVersion, share: float, expected_generation: int, cause: str) -> int:
    """Let `version` answer `share` of the entities, in the place of another canary; gives the new generation."""
    canary = {"canary_version": version.number, "canary_bundle": version.bundle_hash, "canary_share": share}
    generation = _move(version.model, expected_generation, cause, **canary)
    _canary_leaves(version.model, replaced_by=version)
    version.status, version.stage = _Status.CANARY, _Stage.STAGING
    version.save(update_fields=["status", "stage"])
    return generation


def canary_clear(*, model: str, expected_generation: int, cause: str) -> int:
    """Let the champion answer everybody again; the canary waits for a decision. Gives the new generation."""
    generation = _move(model, expected_generation, cause, **_NO_CANARY)
    _canary_leaves(model, replaced_by=None)
    return generation


def generation_check(*, model: str, expected: int) -> Deployment:
    """Lock the model's row, the first lock of every decision, and raise StaleGeneration unless it is at `expected`."""
    deployment = deployment_lock(model=model)
    if deployment.generation != expected:
        raise stale_generation(model=model, expected=expected)
    return deployment


def deployment_lock(*, model: str) -> Deployment:
    """The model's row, locked until the caller's transaction ends; UnknownModel where there is none."""
    deployment_get(model=model)
    return Deployment.objects.select_for_update().get(model=model)


def stale_generation(*, model: str, expected: int) -> StaleGeneration:
    current = Deployment.objects.get(model=model)
    serving = "nothing serves" if current.champion_version is None else f"version {current.champion_version} serves"
    return StaleGeneration(
        f"{model} changed since you looked: {serving} now (generation {current.generation}, you saw {expected}).",
        advice="Look at what happened, and decide again.",
        details={
            "model": model,
            "expected_generation": expected,
            "generation": current.generation,
            "champion": current.champion_version,
            "meanwhile": happened_since(model=model, generation=expected),
        },
    )


def _move(model: str, expected_generation: int, cause: str, **columns: Any) -> int:
    """The compare-and-set, and the row of the history that repeats what the deployment says from now on."""
    moved = Deployment.objects.filter(model=model, generation=expected_generation).update(
        generation=F("generation") + 1, updated_at=timezone.now(), **columns
    )
    if not moved:
        raise stale_generation(model=model, expected=expected_generation)
    now = Deployment.objects.get(model=model)
    Generation.objects.create(
        model=model,
        number=now.generation,
        champion_version=now.champion_version,
        champion_bundle=now.champion_bundle,
        canary_version=now.canary_version,
        canary_bundle=now.canary_bundle,
        canary_share=now.canary_share,
        cause=cause,
    )
    return now.generation


def _canary_leaves(model: str, *, replaced_by: ModelVersion | None) -> None:
    """A canary that serves no longer waits for a decision again, and so does the request that it served on."""
    leaving = ModelVersion.objects.filter(model=model, status=_Status.CANARY)
    for version in leaving.exclude(pk=replaced_by.pk) if replaced_by else leaving:
        version.status, version.stage = _Status.WAITING, _Stage.STAGING
        version.save(update_fields=["status", "stage"])
        canary_approval_reopen(version=version)
