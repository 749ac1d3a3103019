"""Versions that fail: callers of a canary are answered all the same, and every failure counts against its version."""

from typing import Any

import pytest
from django.test import Client

from predictions import services
from predictions.errors import ModelFailed, NotANumber
from predictions.models import Prediction, VersionCount
from predictions.serving.process import ServingProcess
from predictions.version_counts import VersionCounts, counts_forget, fared, size_of
from registry_ui.trial_signals import _SIZES
from tests.bad_bundles import NAN, RAISES, WORD, bad_bundle
from tests.bundles import build_bundle
from tests.deployments import deploy, set_canary
from tests.predictions.conftest import synchronise

BAD, GOOD = {"text": f"A {WORD} film."}, {"text": "A fine film."}


@pytest.fixture
def canary(live: ServingProcess, request: pytest.FixtureRequest) -> ServingProcess:
    """Version 2 of `sentiment`, of the kind that the test names, for half of the entities."""
    set_canary("sentiment", bad_bundle(request.param), version=2, share=0.5)
    synchronise(live)
    return live


def entities() -> tuple[str, str]:
    """One that the champion answers, and one that the canary does."""
    routed = {}
    for number in range(50):
        predicted = services.predict(model="sentiment", rows=[GOOD], entity_ids=[f"{number}"])
        routed[predicted.parts[0].route] = f"{number}"
    return routed["champion"], routed["canary"]


def counted(version: int) -> dict[str, tuple[int, dict[str, int]]]:
    """Route → calls and failures, as the table has them."""
    rows = VersionCount.objects.filter(model="sentiment", version=version)
    return {row.route: (row.calls, row.failures) for row in rows}


@pytest.mark.parametrize(("canary", "code"), [(RAISES, "model_failed"), (NAN, "not_a_number")], indirect=["canary"])
def test_where_the_canary_fails_the_champion_answers_and_the_failure_counts(canary: ServingProcess, code: str) -> None:
    champions, canarys = entities()
    predicted = services.predict(model="sentiment", rows=[BAD, BAD, GOOD], entity_ids=[champions, canarys, canarys])
    canary.ship()

    assert [(part.route, part.version.version, list(part.places)) for part in predicted.parts] == [
        ("champion", 1, [0]), ("fallback", 1, [1, 2]),
    ]  # fmt: skip
    assert predicted.ids is not None
    logged = Prediction.objects.in_bulk(predicted.ids)
    assert sorted(row.route for row in logged.values()) == ["champion", "fallback", "fallback"]
    assert {row.version for row in logged.values()} == {1}
    calls, failures = counted(2)["canary"]
    assert (failures, counted(1)["fallback"]) == ({code: 1}, (1, {}))
    canary.version_counts.write()
    assert counted(2)["canary"] == (calls, {code: 1}), "what is written twice counts once"


@pytest.mark.parametrize(
    ("kind", "error", "code"), [(RAISES, ModelFailed, "model_failed"), (NAN, NotANumber, "not_a_number")]
)
def test_a_champion_that_fails_refuses_the_request_and_takes_no_other_model_down(
    live: ServingProcess, api: Client, kind: str, error: type[Exception], code: str
) -> None:
    deploy("sentiment", bad_bundle(kind), version=2)
    synchronise(live)
    with pytest.raises(error):
        services.predict(model="sentiment", rows=[BAD])
    answer = api.post("/api/v1/models/sentiment/predictions", {"inputs": [BAD]}, content_type="application/json")
    good = api.post("/api/v1/models/sentiment/predictions", {"inputs": [GOOD]}, content_type="application/json")
    live.ship()

    assert (answer.status_code, answer.json()["code"], good.status_code) == (500, code, 200)
    assert counted(2) == {"champion": (3, {code: 2})}
    assert Prediction.objects.count() == 1


def test_a_named_version_that_fails_says_so_though_it_is_the_canary(live: ServingProcess) -> None:
    set_canary("sentiment", bad_bundle(RAISES), version=2, share=0.5)
    synchronise(live)
    with pytest.raises(ModelFailed):
        services.predict(model="sentiment", rows=[BAD], version=2)
    with pytest.raises(ModelFailed):
        services.predict(model="sentiment", rows=[BAD], version=2, explain=True)
    live.ship()
    assert counted(2) == {"named": (2, {"model_failed": 2})}


def test_the_time_of_single_rows_is_counted_and_lists_are_not_timed(live: ServingProcess) -> None:
    for rows in ([GOOD], [GOOD], [GOOD, GOOD]):
        services.predict(model="sentiment", rows=rows)
    live.ship()
    fares = fared(model="sentiment", version=1, routes=("champion",), since=VersionCount.objects.get().minute)
    assert fares.sizes == {1: [2, 0], 2: [1, 0]}
    assert (fares.calls, fares.timed, fares.failed, fares.slower_than(1_000)) == (3, 2, 0, 0)
    assert fares.percentile(0.5) in (1, 2, 5, 10, 20, 50)


def test_calls_are_counted_by_how_many_rows_they_have() -> None:
    sizes = {rows: size_of(rows) for rows in (1, 20, 31, 32, 33, 34, 95, 1_023, 1_024, 5_000)}
    assert sizes == {1: 1, 20: 20, 31: 31, 32: 32, 33: 32, 34: 34, 95: 92, 1_023: 992, 1_024: 1_024, 5_000: 1_024}
    assert len({size_of(rows) for rows in range(1, 5_000)}) == _SIZES


def test_what_cannot_be_written_waits_and_what_is_old_is_forgotten(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = VersionCounts()
    said: dict[str, Any] = {"model": "fruit", "version": 1, "bundle": "b" * 64, "route": "champion"}
    now = 1_000_000_000.0
    monkeypatch.setattr("predictions.version_counts.time", lambda: now)
    counts.note(**said, seconds=0.003)
    with monkeypatch.context() as broken:
        broken.setattr("predictions.version_counts._write", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            counts.write()
    counts.note(**said, failure="model_failed")
    counts.write()
    row = VersionCount.objects.get()
    assert (row.calls, row.failures, row.times[:4]) == (2, {"model_failed": 1}, [0, 0, 1, 0])
    now += 120
    counts.write()
    assert not counts._tallies
    assert counts_forget() == 1


def test_a_good_canary_is_not_answered_for(live: ServingProcess) -> None:
    set_canary("sentiment", build_bundle("sentiment", rows=200), version=2, share=0.5)
    synchronise(live)
    champions, canarys = entities()
    predicted = services.predict(model="sentiment", rows=[BAD, BAD], entity_ids=[champions, canarys])
    assert [part.route for part in predicted.parts] == ["champion", "canary"]
