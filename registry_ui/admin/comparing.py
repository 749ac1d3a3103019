"""Two versions of a model side by side: metrics, what differs in their declarations, hashes, decisions."""

from collections.abc import Mapping
from typing import Any

from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get, versions_of
from registry_ui.services.differences import spec_changes
from registry_ui.services.model_card import metric_name

_MOST_CHOICES = 200


def context(model: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """Both versions, by default the champion and the newest other one, and what differs."""
    versions = list(versions_of(model=model).defer("report").prefetch_related("decisions")[:_MOST_CHOICES])
    by_number = {str(version.number): version for version in versions}
    live = champion_get(model=model)
    left = by_number.get(asked.get("left", "")) or live or (versions[-1] if versions else None)
    right = by_number.get(asked.get("right", "")) or next((one for one in versions if one != left), None)
    shown: dict[str, Any] = {"versions": versions, "left": left, "right": right, "live": live}
    if left is None or right is None:
        return shown
    return shown | {
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
    """The declaration with the policy, which the bundle leaves out."""
    return {**version.spec, "promotion": version.recommendation.get("promotion", {})}
