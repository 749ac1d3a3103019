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
FORMER_KEPT = 4
_NO_CANARY: dict[str, Any] = {"canary_version": None, "canary_bundle": None, "canary_share": None}
_NO_SHADOW: dict[str, Any] = {"shadow_version": None, "shadow_bundle": None}


def deployment_ensure(*, model: str) -> Deployment:
    """The model's one row; made, with nothing live, when the model is first heard of."""
    return Deployment.objects.get_or_create(model=model)[0]


def deployments_declare() -> list[str]:
    """Make the row of each model that `params.yaml` declares, so that a first run can be asked for; the new names.

    InvalidSpec where the file cannot be read. A model that is declared no longer keeps its row, and what it serves.
    """
    from ml_pipeline.params import declared_models  # noqa: PLC0415 - a web process reads no YAML

    return [model for model in declared_models() if Deployment.objects.get_or_create(model=model)[1]]


def champion_swap(*, model: str, to: ModelVersion | None, expected_generation: int, cause: str) -> int:
    """Let `to` serve (None: nothing) and give the new generation, inside the caller's transaction.

    StaleGeneration where another decision came first. A canary ends: it was measured against the champion that leaves.
    A shadow goes on beside the new champion, unless it is that one or nothing serves.
    """
    number, bundle = (None, None) if to is None else (to.number, to.bundle_hash)
    before = deployment_get(model=model)
    moved = {"champion_version": number, "champion_bundle": bundle, "former": _former(before, number), **_NO_CANARY}
    if to is None or before.shadow_version == number:
        moved |= _NO_SHADOW
    generation = _move(model, expected_generation, cause, **moved)
    _canary_leaves(model, replaced_by=to)
    ModelVersion.objects.filter(model=model, stage=_Stage.PRODUCTION).update(stage=_Stage.ARCHIVED)
    if to is not None:
        to.status, to.stage = _Status.APPROVED, _Stage.PRODUCTION
        to.save(update_fields=["status", "stage"])
    return generation


def canary_set(*, version: ModelVersion, share: float, expected_generation: int, cause: str) -> int:
    """Let `version` answer `share` of the entities, in the place of another canary; gives the new generation.

    A shadow of that version ends: callers get its answers now.
    """
    moved: dict[str, Any] = {
        "canary_version": version.number,
        "canary_bundle": version.bundle_hash,
        "canary_share": share,
    }
    if deployment_get(model=version.model).shadow_version == version.number:
        moved |= _NO_SHADOW
    generation = _move(version.model, expected_generation, cause, **moved)
    _canary_leaves(version.model, replaced_by=version)
    version.status, version.stage = _Status.CANARY, _Stage.STAGING
    version.save(update_fields=["status", "stage"])
    return generation


def canary_clear(*, model: str, expected_generation: int, cause: str) -> int:
    """Let the champion answer everybody again; the canary waits for a decision. Gives the new generation."""
    generation = _move(model, expected_generation, cause, **_NO_CANARY)
    _canary_leaves(model, replaced_by=None)
    return generation


def shadow_set(*, version: ModelVersion, expected_generation: int, cause: str) -> int:
    """Let a worker ask `version` what the champion is asked, in the place of another shadow; the new generation."""
    shadow = {"shadow_version": version.number, "shadow_bundle": version.bundle_hash}
    return _move(version.model, expected_generation, cause, **shadow)


def shadow_clear(*, model: str, expected_generation: int, cause: str) -> int:
    """Let no shadow be asked any more. Gives the new generation."""
    return _move(model, expected_generation, cause, **_NO_SHADOW)


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
        shadow_version=now.shadow_version,
        shadow_bundle=now.shadow_bundle,
        cause=cause,
    )
    return now.generation


def _former(before: Deployment, number: int | None) -> list[dict[str, Any]]:
    """The last champions before `number`, newest first: callers who may can still ask them."""
    leaving = {"version": before.champion_version, "bundle": before.champion_bundle}
    known = [leaving, *before.former] if before.champion_version is not None else list(before.former)
    named = {one["version"]: one for one in reversed(known) if one["version"] != number}
    return list(reversed(named.values()))[:FORMER_KEPT]


def _canary_leaves(model: str, *, replaced_by: ModelVersion | None) -> None:
    """A canary that serves no longer waits for a decision again, and so does the request that it served on."""
    leaving = ModelVersion.objects.filter(model=model, status=_Status.CANARY)
    for version in leaving.exclude(pk=replaced_by.pk) if replaced_by else leaving:
        version.status, version.stage = _Status.WAITING, _Stage.STAGING
        version.save(update_fields=["status", "stage"])
        canary_approval_reopen(version=version)
