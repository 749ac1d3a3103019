"""What changed from one version to another: the declaration, and the data that each was trained on."""

from collections.abc import Mapping
from typing import Any

from ml_pipeline.canonical import canonical_json

_SHIFT = 0.02  # of a share: below two points it is noise on data of this size
_MOVE = 0.1  # of the former spread between the 5 % and the 95 % quantile
_NAMED = 10

Change = dict[str, Any]


def spec_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every key of the declaration that differs, as `name`, `before`, `after`; None where it did not stand."""
    old, new = _flat(before), _flat(after)
    return [
        {"name": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def data_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Rows, label shares and inputs that moved, the same way; `notable` where it is more than the noise of a sample.

    Both are profiles as `ml_pipeline.learning.profile` makes them.
    """
    changes = [_change("rows", before["rows"], after["rows"], notable=_moved(before["rows"], after["rows"]))]
    changes += _shares("label", before["labels"], after["labels"])
    for name in sorted(before["inputs"].keys() | after["inputs"].keys()):
        changes += _input(name, before["inputs"].get(name), after["inputs"].get(name))
    changed = [change for change in changes if change["before"] != change["after"]]
    return sorted(changed, key=lambda change: not change["notable"])


def _input(name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[Change]:
    if old is None or new is None:
        return [_change(f"{name}", old and old["type"], new and new["type"], notable=True)]
    changes = [_share(f"{name}: missing", old["missing"], new["missing"])]
    for kind, what in (("quantiles", "median"), ("lengths", "median length")):
        if kind in old and kind in new:
            changes.append(_median(f"{name}: {what}", old[kind], new[kind]))
    if "categories" in old and "categories" in new:
        changes += _categories(name, old["categories"], new["categories"])
    return changes


def _categories(name: str, old: Mapping[str, float], new: Mapping[str, float]) -> list[Change]:
    """Frequent categories that moved by a notable share, and those that came or went."""
    came, went = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    moved = [change for change in _shares(name, old, new) if change["notable"]]
    listed = [
        _change(f"{name}: {what}", *sides, notable=True)
        for what, words, sides in (
            ("new among the frequent", came, (None, _list(came))),
            ("no longer frequent", went, (_list(went), None)),
        )
        if words
    ]
    return [*moved, *listed]


def _shares(name: str, old: Mapping[str, float], new: Mapping[str, float]) -> list[Change]:
    return [_share(f"{name} {word}", old[word], new[word]) for word in sorted(old.keys() & new.keys())]


def _share(name: str, old: float, new: float) -> Change:
    notable = abs(new - old) >= _SHIFT
    return _change(name, f"{100 * old:.1f} %", f"{100 * new:.1f} %", notable=notable)


def _median(name: str, old: Mapping[str, float], new: Mapping[str, float]) -> Change:
    spread = old["0.95"] - old["0.05"]
    notable = abs(new["0.5"] - old["0.5"]) > _MOVE * spread
    return _change(name, f"{old['0.5']:g}", f"{new['0.5']:g}", notable=notable)


def _change(name: str, before: Any, after: Any, *, notable: bool) -> Change:
    return {"name": name, "before": before, "after": after, "notable": notable}


def _moved(old: int, new: int) -> bool:
    return abs(new - old) > _MOVE * old


def _list(words: list[str]) -> str:
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """`{"a": {"b": 1}}` as `{"a.b": "1"}`; lists of mappings by their place, other lists whole, as JSON."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        value = dict(enumerate(value, start=1))
    if not isinstance(value, Mapping):
        return {} if value is None else {name: value if isinstance(value, str) else canonical_json(value).decode()}
    flat: dict[str, str] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{name}.{key}" if name else str(key))
    return flat
