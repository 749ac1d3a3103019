"""A version in one line, from the columns that lists load."""

from registry_ui.models import ModelVersion
from registry_ui.services.model_card import metric_name

_SHOWN = 2


def key_metrics(version: ModelVersion) -> list[tuple[str, float]]:
    """Name and held-out value of the metrics that count: the policy's first, then those with a floor."""
    promotion = version.recommendation.get("promotion", {})
    floors = promotion.get("floors", {})
    order = sorted(version.metrics, key=lambda key: (key != promotion.get("metric"), key not in floors))
    return [(metric_name(key), version.metrics[key]["value"]) for key in order[:_SHOWN]]
