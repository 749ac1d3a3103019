"""Which version answers which row: the same one for an entity, never two for a row, all from one moment."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_pipeline.errors import InvalidInputs
from predictions.errors import NoLiveVersion, UnknownVersion
from predictions.serving.routing import LiveModel, LiveVersion, Routed, each_row, in_order, named, routes, validated
from predictions.snapshot import Release

CHAMPION, CANARY = (LiveVersion(number, cast(Any, None)) for number in (1, 2))
ENTITIES = st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=12)), min_size=1, max_size=60)
SHARES = st.floats(min_value=0.001, max_value=0.999)


def live(share: float | None = None, *, champion: LiveVersion | None = CHAMPION, name: str = "film") -> LiveModel:
    canary = None if share is None else CANARY
    return LiveModel(name, 3, champion, canary, share or 0.0, (Release(0, "a"),))


def ids_of(entities: list[str | None]) -> list[str]:
    return [f"id {place}" for place in range(len(entities))]


def versions(model: LiveModel, entities: list[str | None]) -> list[int]:
    return [part.version.version for part in each_row(routes(model, entities, ids_of(entities)))]


@given(ENTITIES)
def test_without_a_canary_the_champion_answers_every_row_in_one_piece(entities: list[str | None]) -> None:
    assert routes(live(), entities, ids_of(entities)) == [Routed("champion", CHAMPION, range(len(entities)))]


@given(ENTITIES, SHARES)
def test_every_row_of_a_batch_has_exactly_one_version_and_each_version_its_rows_in_order(
    entities: list[str | None], share: float
) -> None:
    parts = routes(live(share), entities, ids_of(entities))

    assert sorted(place for part in parts for place in part.places) == list(range(len(entities)))
    assert all(list(part.places) == sorted(part.places) and part.places for part in parts)
    assert len({part.route for part in parts}) == len(parts)
    assert in_order(parts, [list(part.places) for part in parts]) == list(range(len(entities)))


@given(ENTITIES, SHARES)
def test_an_entity_has_the_same_version_alone_and_in_every_batch(entities: list[str | None], share: float) -> None:
    together = versions(live(share), entities)
    for entity, version in zip(entities, together, strict=True):
        if entity is not None:
            assert versions(live(share), [entity]) == [version]


@given(ENTITIES, SHARES, SHARES)
def test_a_larger_share_keeps_those_who_had_the_canary(entities: list[str | None], one: float, other: float) -> None:
    few, many = (versions(live(share), entities) for share in sorted((one, other)))
    assert all(after == CANARY.version for before, after in zip(few, many, strict=True) if before == CANARY.version)


def test_the_canary_gets_its_share_and_each_model_another_part_of_the_entities() -> None:
    entities: list[str | None] = [f"customer {number}" for number in range(4_000)]
    film, spam = (versions(live(0.2, name=name), entities) for name in ("film", "spam"))

    assert 0.18 < film.count(2) / len(entities) < 0.22
    both = sum(one == other == 2 for one, other in zip(film, spam, strict=True))
    assert both / len(entities) < 0.06


def test_a_model_without_a_champion_answers_nobody() -> None:
    with pytest.raises(NoLiveVersion):
        routes(live(champion=None), ["a"], ["1"])


def test_only_a_version_that_a_decision_put_live_can_be_named() -> None:
    model = live(0.5)
    assert [named(model, number) for number in (0, 1, 2)] == [Release(0, "a"), CHAMPION, CANARY]
    with pytest.raises(UnknownVersion) as refused:
        named(model, 3)
    assert refused.value.details["known"] == [0, 1, 2]


def test_a_bad_row_is_named_by_its_place_in_the_request_whichever_version_refuses_it() -> None:
    def refusing(word: str) -> Any:
        def validate(rows: list[str]) -> list[str]:
            bad = [{"row": place, "errors": [row]} for place, row in enumerate(rows) if row == word]
            if bad:
                raise InvalidInputs("no", advice="Correct it.", details={"rows": bad})
            return rows

        return SimpleNamespace(validate=validate)

    parts = [
        Routed("champion", LiveVersion(1, refusing("bad")), [0, 3]),
        Routed("canary", LiveVersion(2, refusing("worse")), [1, 2]),
    ]
    with pytest.raises(InvalidInputs) as refused:
        validated(parts, ["good", "good", "worse", "bad"])
    assert refused.value.details["rows"] == [{"row": 2, "errors": ["worse"]}, {"row": 3, "errors": ["bad"]}]
    assert validated(parts, ["a", "b", "c", "d"]) == [["a", "d"], ["b", "c"]]
