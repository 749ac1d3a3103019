"""What shadows were found to answer."""

from django.db.models import QuerySet

from predictions.models import Deployment
from registry_ui.models import ModelVersion, ShadowComparison


def shadow_comparison_now(*, deployment: Deployment) -> ShadowComparison | None:
    """That of the shadow and the champion of now; None where there is no shadow, or nothing was looked at yet."""
    if deployment.shadow_version is None or deployment.champion_version is None:
        return None
    return ShadowComparison.objects.filter(
        model=deployment.model,
        shadow_version=deployment.shadow_version,
        champion_version=deployment.champion_version,
    ).first()


def shadow_comparisons(*, version: ModelVersion) -> QuerySet[ShadowComparison]:
    """Those of a version as shadow, the newest first."""
    return ShadowComparison.objects.filter(model=version.model, shadow_version=version.number)
