"""The one place that changes what serves. Every change is a compare-and-set on the deployment's generation."""

from django.db.models import F
from django.utils import timezone

from predictions.models import Deployment, Generation
from registry_ui.errors import StaleGeneration
from registry_ui.models import ModelVersion
from registry_ui.selectors import deployment_get, happened_since


def deployment_ensure(*, model: str) -> Deployment:
    """The model's one row; made, with nothing live, when the model is first heard of."""
    return Deployment.objects.get_or_create(model=model)[0]


def champion_swap(*, model: str, to: ModelVersion | None, expected_generation: int, cause: str) -> int:
    """Let `to` serve (None: nothing) and give the new generation, inside the caller's transaction.

    StaleGeneration where another decision came first. A canary ends: it was measured against the champion that leaves.
    """
    generation = expected_generation + 1
    number, bundle = (None, None) if to is None else (to.number, to.bundle_hash)
    swapped = Deployment.objects.filter(model=model, generation=expected_generation).update(
        generation=F("generation") + 1,
        champion_version=number,
        champion_bundle=bundle,
        canary_version=None,
        canary_bundle=None,
        canary_share=None,
        updated_at=timezone.now(),
    )
    if not swapped:
        raise stale_generation(model=model, expected=expected_generation)
    Generation.objects.create(
        model=model,
        number=generation,
        champion_version=number,
        champion_bundle=bundle,
        cause=cause,
    )
    ModelVersion.objects.filter(model=model, stage=ModelVersion.Stage.PRODUCTION).update(
        stage=ModelVersion.Stage.ARCHIVED
    )
    if to is not None:
        to.status, to.stage = ModelVersion.Status.APPROVED, ModelVersion.Stage.PRODUCTION
        to.save(update_fields=["status", "stage"])
    return generation


def generation_check(*, model: str, expected: int) -> None:
    """Lock the model's row, the first lock of every decision, and raise StaleGeneration unless it is at `expected`."""
    if deployment_lock(model=model).generation != expected:
        raise stale_generation(model=model, expected=expected)


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
