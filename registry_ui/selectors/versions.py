"""Models, their versions, what serves, and what stands between a version and its callers."""

from django.db.models import OuterRef, QuerySet, Subquery

from ml_pipeline.errors import UnknownModel
from predictions.errors import UnknownVersion
from predictions.models import Deployment, Generation, ModelLimit
from registry_ui.models import ApprovalRequest, ModelPolicy, ModelVersion

# Columns of a version that lists do not show: tens of kilobytes a row.
LARGE_COLUMNS = ("report", "spec", "lineage", "curves", "parameters", "tags")
_SWITCH = "four_eyes_switch"
_LIMIT = "own_limit"


def deployment_get(*, model: str) -> Deployment:
    deployment = Deployment.objects.filter(model=model).first()
    if deployment is None:
        raise unknown_model(model)
    return deployment


def unknown_model(model: str) -> UnknownModel:
    return UnknownModel(f"There is no model {model!r}.", details={"model": model})


def version_get(*, model: str, number: int) -> ModelVersion:
    version = ModelVersion.objects.filter(model=model, number=number).first()
    if version is None:
        raise UnknownVersion(f"{model} has no version {number}.", details={"model": model, "version": number})
    return version


def versions_of(*, model: str) -> QuerySet[ModelVersion]:
    """Newest first, without the large columns; UnknownModel where nothing of that name was declared or imported."""
    deployment_get(model=model)
    return versions_listed(model=model)


def versions_listed(*, model: str) -> QuerySet[ModelVersion]:
    """`versions_of` for who has read the deployment."""
    return ModelVersion.objects.filter(model=model).order_by("-number").defer(*LARGE_COLUMNS)


def champion_get(*, model: str) -> ModelVersion | None:
    """The version that serves now; None before the first decision and after a retirement."""
    number = Deployment.objects.filter(model=model).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def champion_of(deployment: Deployment) -> ModelVersion | None:
    """`champion_get` for who has read the deployment."""
    if deployment.champion_version is None:
        return None
    return ModelVersion.objects.get(model=deployment.model, number=deployment.champion_version)


def champion_at(*, model: str, generation: int) -> ModelVersion | None:
    """The version that served at that generation; None where nothing did."""
    number = Generation.objects.filter(model=model, number=generation).values("champion_version")
    return ModelVersion.objects.filter(model=model, number__in=number).first()


def policy_holder(*, model: str) -> ModelVersion | None:
    """The version whose promotion policy is the registry's: the champion, or after a retirement the last one."""
    served = Generation.objects.filter(model=model, champion_version__isnull=False).order_by("-number")
    number = Subquery(served.values("champion_version")[:1])
    return ModelVersion.objects.filter(model=model, number=number).first()


def four_eyes_switch(*, model: str) -> bool | None:
    """What an administrator set; None where the declared policy holds."""
    return ModelPolicy.objects.filter(model=model).values_list("four_eyes", flat=True).first()


def deployments_with_switch() -> QuerySet[Deployment]:
    """Every model with its four-eyes switch and its own limit, which `switch_of` and `limit_of` give."""
    switch = ModelPolicy.objects.filter(model=OuterRef("model")).values("four_eyes")
    limit = ModelLimit.objects.filter(model=OuterRef("model")).values("requests_per_minute")
    return Deployment.objects.annotate(**{_SWITCH: Subquery(switch), _LIMIT: Subquery(limit)})


def switch_of(deployment: Deployment) -> bool | None:
    """`four_eyes_switch` of a row of `deployments_with_switch`."""
    switch: bool | None = deployment.__dict__[_SWITCH]
    return switch


def limit_of(deployment: Deployment) -> int | None:
    """Prediction requests a minute of a row of `deployments_with_switch`; 0 is no limit, None the default."""
    limit: int | None = deployment.__dict__[_LIMIT]
    return limit


def current_approval(*, version: ModelVersion) -> ApprovalRequest | None:
    """The request that waits for a decision, or that the canary serves on."""
    states = [ApprovalRequest.State.OPEN, ApprovalRequest.State.CANARY]
    return version.approvals.filter(state__in=states).first()
