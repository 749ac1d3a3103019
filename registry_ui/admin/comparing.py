"""Two versions of a model side by side: metrics, what differs in their declarations, hashes, decisions."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Prefetch

from predictions.models import Deployment
from registry_ui.models import Decision, ModelVersion
from registry_ui.selectors import versions_listed
from registry_ui.services.differences import spec_changes
from registry_ui.services.model_card import metric_name

_MOST_CHOICES = 200
_NOT_COMPARED = ("report", "lineage", "curves", "parameters", "tags")


def context(deployment: Deployment, asked: Mapping[str, str]) -> dict[str, Any]:
    """Both versions, by default the champion and the newest other one, and what differs."""
    live = deployment.champion_version
    numbers = list(versions_listed(model=deployment.model).values_list("number", flat=True)[:_MOST_CHOICES])
    left = _chosen(asked.get("left", ""), numbers) or live or next(reversed(numbers), None)
    right = _chosen(asked.get("right", ""), numbers) or next((one for one in numbers if one != left), None)
    shown = {"numbers": numbers, "live": live}
    if left is None or right is None:
        return shown
    versions = _read(deployment.model, left, right)
    return shown | _beside(versions[left], versions[right])


def _chosen(asked: str, numbers: list[int]) -> int | None:
    return next((number for number in numbers if str(number) == asked), None)


def _read(model: str, *numbers: int) -> dict[int, ModelVersion]:
    decisions = Prefetch("decisions", Decision.objects.defer("evidence"))
    versions = ModelVersion.objects.filter(model=model, number__in=numbers).defer(*_NOT_COMPARED)
    return {version.number: version for version in versions.prefetch_related(decisions)}


def _beside(left: ModelVersion, right: ModelVersion) -> dict[str, Any]:
    return {
        "left": left,
        "right": right,
        "metrics": _metrics(left, right),
        "differences": spec_changes(_declared(left), _declared(right)),
        "sides": [_facts(left), _facts(right)],
    }


def _metrics(left: ModelVersion, right: ModelVersion) -> list[tuple[str, Any, Any]]:
    """Each version's own held-out metrics: (name, left, right). Their rows may differ, so neither is called better."""
    names = {**left.metrics, **right.metrics}
    return [(metric_name(name), left.metrics.get(name), right.metrics.get(name)) for name in names]


def _facts(version: ModelVersion) -> dict[str, Any]:
    return {"version": version, "decisions": version.decisions.all()}


def _declared(version: ModelVersion) -> dict[str, Any]:
    """The declaration with the policies, which the bundle leaves out."""
    policies = {name: version.recommendation.get(name, {}) for name in ("promotion", "rollout")}
    return {**version.spec, **policies}
