"""The three-way comparison of the mirror: what we want, what stands on the server, and what we last wrote there.

An item is a stage of a version or an alias of a model. It is ours to write as long as what stands there is what we
wrote, or what nobody ever set; anything else was changed there by somebody else, and is theirs until a person or a
later decision settles it. Nothing here reads or writes anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ml_pipeline.tracking.mirror import ALIASES
from ml_pipeline.tracking.registry import TrackedVersion
from predictions.models import Deployment
from registry_ui.models import ModelVersion

STAGE, ALIAS = "stage", "alias"
_UNSET = {STAGE: "None", ALIAS: ""}

Items = dict[str, str]


@dataclass(frozen=True)
class Sight:
    """One model as it should stand on the server and as it does, in our numbers.

    `runs` tells which run each number is there, `missing` which of our tracked versions do not stand there, and
    `places` where each number that stands is written to.
    """

    wanted: Items = field(default_factory=dict)
    found: Items = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """`push` is ours to write, `foreign` is theirs, `overtaken` was theirs and a later decision of ours goes before it.

    `written` is what counts as written by us from now on.
    """

    push: Items = field(default_factory=dict)
    foreign: Items = field(default_factory=dict)
    overtaken: Items = field(default_factory=dict)
    written: Items = field(default_factory=dict)


def sight(
    *, versions: Iterable[ModelVersion], deployment: Deployment | None, standing: Iterable[TrackedVersion]
) -> Sight:
    """Items of the versions that stand there by number and run: an emptied server counts from 1 again.

    Where none of ours does, it was emptied or is another one: no item is compared, and none is anybody's change.
    """
    there = {(item.version, item.run_id): item for item in standing}
    tracked = [version for version in versions if version.tracking_version is not None]
    known = {str(one.number): one for one in tracked if (one.tracking_version, one.run_id) in there}
    if not known:
        return Sight(missing=sorted(one.number for one in tracked))
    numbers = {(one.tracking_version, one.run_id): number for number, one in known.items()}
    found = {f"{STAGE}:{numbers[place]}": item.stage for place, item in there.items() if place in numbers}
    for alias in ALIASES:
        named = next((place for place, item in there.items() if alias in item.aliases), None)
        found[f"{ALIAS}:{alias}"] = "" if named is None else numbers.get(named) or f"unknown version {named[0]}"
    return Sight(
        wanted=_wanted(known, deployment),
        found=found,
        runs={number: one.run_id for number, one in known.items()},
        missing=sorted(one.number for one in tracked if str(one.number) not in known),
        places={number: one.tracking_version or 0 for number, one in known.items()},
    )


def compare(
    *, seen: Sight, written: Mapping[str, str], writing: Mapping[str, str], runs: Mapping[str, str]
) -> Comparison:
    """Judge each item. `written`, `writing` and `runs` are those of the model's `MirrorState`."""
    result = Comparison()
    for key, ours in seen.wanted.items():
        theirs = seen.found[key]
        last = _still_valid(key, written, runs, seen)
        unset = last is None and theirs == _UNSET[key.partition(":")[0]]
        if theirs == ours:
            result.written[key] = ours
        elif unset or theirs in (last, _still_valid(key, writing, runs, seen)):
            result.push[key] = ours
            result.written[key] = theirs
        elif last is not None and ours != last:
            result.overtaken[key] = theirs
            result.push[key] = ours
            result.written[key] = theirs
        else:
            result.foreign[key] = theirs
            result.written[key] = ours if last is None else last
    return result


def _wanted(known: Mapping[str, ModelVersion], deployment: Deployment | None) -> Items:
    """`champion` serves, `challenger` is the newest that waits. An alias of a version that is not there names none."""
    waiting = [one.number for one in known.values() if one.status == ModelVersion.Status.WAITING]
    named = {
        "champion": deployment and deployment.champion_version,
        "canary": deployment and deployment.canary_version,
        "challenger": max(waiting, default=None),
    }
    aliases = {alias: str(number or "") for alias, number in named.items()}
    return {
        **{f"{STAGE}:{number}": one.stage or _UNSET[STAGE] for number, one in known.items()},
        **{f"{ALIAS}:{alias}": number if number in known else "" for alias, number in aliases.items()},
    }


def _still_valid(key: str, written: Mapping[str, str], runs: Mapping[str, str], seen: Sight) -> str | None:
    """What we last wrote, unless it speaks of a version that does not stand there, or is another one by now."""
    value = written.get(key)
    kind, _, name = key.partition(":")
    number = name if kind == STAGE else value
    if value is None or (number and number.isdecimal() and runs.get(number) != seen.runs.get(number)):
        return None
    return value
