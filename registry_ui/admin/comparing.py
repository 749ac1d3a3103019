"""Two versions of a model side by side: metrics, what differs in their declarations, hashes, decisions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_get, versions_of
from registry_ui.services.model_card import metric_name

_MOST_CHOICES = 200


@dataclass(frozen=True)
class Difference:
    """One key of the declarations whose values differ; None where a version lacks it."""

    key: str
    left: Any
    right: Any


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
    mine, theirs = _flat_spec(left), _flat_spec(right)
    keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
    return shown | {
        "metrics": _metrics(left, right),
        "differences": [Difference(key, mine.get(key), theirs.get(key)) for key in keys],
        "sides": [_facts(left), _facts(right)],
    }


def _metrics(left: ModelVersion, right: ModelVersion) -> list[tuple[str, Any, Any]]:
    """Each version's own held-out metrics: (name, left, right). Their rows may differ, so neither is called better."""
    names = {**left.metrics, **right.metrics}
    return [(metric_name(name), left.metrics.get(name), right.metrics.get(name)) for name in names]


def _facts(version: ModelVersion) -> dict[str, Any]:
    return {"version": version, "decisions": version.decisions.all()}


def _flat_spec(version: ModelVersion) -> dict[str, Any]:
    promotion = version.recommendation.get("promotion", {})
    return dict(_flat({**version.spec, "promotion": promotion}, ""))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """`{"a": {"b": 1}}` as `("a.b", 1)`; lists of plain values stay whole."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{number}]")
    else:
        yield path, value
