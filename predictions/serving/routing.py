"""Which version answers which row of a request."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.errors import InvalidInputs
from ml_pipeline.inputs import Row
from predictions.errors import NoLiveVersion, UnknownVersion
from predictions.route_names import CANARY, CHAMPION
from predictions.snapshot import Release

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A version whose bundle is in memory, its hash and golden samples proven."""

    version: int
    bundle: ModelBundle


@dataclass(frozen=True, slots=True)
class LiveModel:
    """One model as this process serves it: a reference that is swapped as a whole, never changed.

    `generation` is the last one whose versions were all in memory. `former` are the last champions before this one,
    whose bundles need not be in memory.
    """

    name: str
    generation: int
    champion: LiveVersion | None
    canary: LiveVersion | None
    canary_share: float
    former: tuple[Release, ...] = ()


class Routed(NamedTuple):
    """The rows of a request, by their places, that one version answers."""

    route: str
    version: LiveVersion
    places: Sequence[int]


def routes(live: LiveModel, entity_ids: Sequence[str | None], ids: Sequence[str]) -> list[Routed]:
    """Who answers which row: every place once, in order within its version; NoLiveVersion where none serves.

    All versions come from `live`, one reference: a promotion meanwhile changes nothing. Rows about one entity get the
    same version as long as the canary lasts, in every request, batch and process; a row about nobody (None) falls to
    the canary by chance, which its prediction id decides. `entity_ids` and `ids` have one item a row.
    """
    champion = live.champion or champion_of(live)
    if live.canary is None:
        return [Routed(CHAMPION, champion, range(len(ids)))]
    places: tuple[list[int], list[int]] = ([], [])
    for place, (entity, own_id) in enumerate(zip(entity_ids, ids, strict=True)):
        places[_position(live.name, entity or own_id) < live.canary_share].append(place)
    both = (Routed(CHAMPION, champion, places[0]), Routed(CANARY, live.canary, places[1]))
    return [routed for routed in both if routed.places]


def validated(parts: Sequence[Routed], rows: Sequence[object]) -> list[list[Row]]:
    """Each part's rows, checked by the version that answers them. InvalidInputs names every bad row of the request."""
    if len(parts) == 1:
        return [parts[0].version.bundle.validate(rows)]
    checked: list[list[Row]] = []
    faults: list[dict[str, Any]] = []
    for part in parts:
        try:
            checked.append(part.version.bundle.validate([rows[place] for place in part.places]))
        except InvalidInputs as error:
            faults += ({**fault, "row": part.places[fault["row"]]} for fault in error.details["rows"])
            refused = error
    if faults:
        raise InvalidInputs(
            f"{len(faults)} of {len(rows)} rows cannot be scored.",
            advice=refused.advice,
            details={"rows": sorted(faults, key=lambda fault: fault["row"])},
        )
    return checked


def in_order(parts: Sequence[Routed], values: Sequence[Sequence[Item]]) -> list[Item]:
    """What each part gave for its rows, as one list in the order of the request."""
    if len(parts) == 1:
        return list(values[0])
    by_place: dict[int, Item] = {}
    for part, own in zip(parts, values, strict=True):
        by_place.update(zip(part.places, own, strict=True))
    return [by_place[place] for place in range(len(by_place))]


def each_row(parts: Sequence[Routed]) -> Iterator[Routed]:
    """The part of each row, in the order of the request."""
    return iter(in_order(parts, [[part] * len(part.places) for part in parts]))


def champion_of(live: LiveModel) -> LiveVersion:
    """The champion; NoLiveVersion where there is none."""
    if live.champion is None:
        raise NoLiveVersion(
            f"No version of {live.name} is live.",
            advice="Approve a version in the registry, then try again.",
            details={"model": live.name},
        )
    return live.champion


def named(live: LiveModel, number: int) -> LiveVersion | Release:
    """The version of that number: in memory where it serves now, else the release of a former champion.

    UnknownVersion for every other one: what no decision ever put live answers nobody, whoever asks.
    """
    in_place = [one for one in (live.champion, live.canary) if one is not None]
    askable: list[LiveVersion | Release] = [*in_place, *live.former]
    for one in askable:
        if one.version == number:
            return one
    known = sorted({one.version for one in askable})
    raise UnknownVersion(
        f"Version {number} of {live.name} neither serves nor served lately.",
        advice=f"Versions that can be asked: {', '.join(map(str, known))}." if known else "None can be asked.",
        details={"model": live.name, "version": number, "known": known},
    )


def _position(model: str, key: str) -> float:
    """A number in [0, 1) that depends on model and entity alone: a larger share keeps those who had the canary."""
    digest = hashlib.sha256(f"{model}\n{key}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56
