import json
from pathlib import Path
from typing import Any

import pytest

from ml_pipeline.baseline import Champion, read_baseline, write_baseline
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.paths import Artifacts
from ml_pipeline.spec import ModelSpec
from ml_pipeline.stages.registration import recommend
from tests.ml_pipeline.tracking.evaluated import (
    MODEL,
    set_metrics,
    small_bundle,
    spec,
    write_evaluation,
    write_held_out_scores,
)

ARTIFACTS = Artifacts(MODEL)


@pytest.fixture(autouse=True)
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_evaluation(tmp_path)
    return tmp_path


def champion_is(bundle: float, version: int = 3) -> None:
    """The small bundle of that strength serves."""
    small_bundle(bundle).write(Path("champion"))
    write_baseline(MODEL, Champion(version, small_bundle(bundle).hash, Path("champion")))


def recommended(candidate: int, champion: int | None = None, declared: ModelSpec | None = None) -> dict[str, Any]:
    write_held_out_scores(Path(), candidate_right=candidate, champion_right=champion)
    return recommend(ARTIFACTS, declared or spec())


def test_without_a_champion_the_verdict_is_first() -> None:
    found = recommended(180)
    assert (found["verdict"], found["champion"], found["comparison"]) == ("first", None, None)
    assert "no champion" in found["reasons"][-1]


def test_a_failed_floor_is_a_verdict_that_names_value_and_floor() -> None:
    set_metrics(Path(), accuracy=0.80)
    found = recommended(160)
    assert found["verdict"] == "below_floors"
    assert found["floors"] == [{"metric": "accuracy", "floor": 0.85, "value": 0.80, "passed": False}]
    assert "Accuracy is 0.8000, below its floor of 0.85." in found["reasons"]


def test_a_floor_that_was_not_measured_is_not_reached() -> None:
    found = recommended(180, declared=spec(promotion={"floors": {"roc_auc": 0.5}}))
    assert found["verdict"] == "below_floors"
    assert "ROC AUC could not be measured" in found["reasons"][0]


def test_a_clearly_better_candidate_is_recommended_with_its_interval() -> None:
    champion_is(0.5)
    found = recommended(180, 150)
    assert found["verdict"] == "promote"
    assert found["comparison"]["difference"] == pytest.approx(0.15)
    assert found["comparison"]["low"] > 0
    assert found["comparison"]["decisions_that_differ"] == 30
    assert any("better beyond what chance explains" in reason for reason in found["reasons"])
    assert found["champion"] == {"version": 3, "bundle_hash": small_bundle(0.5).hash}


def test_a_gain_within_chance_is_said_to_be_so() -> None:
    champion_is(0.5)
    found = recommended(180, 179)
    assert found["verdict"] == "promote"
    assert any("includes 0" in reason for reason in found["reasons"])


@pytest.mark.parametrize(
    ("candidate", "champion", "gain", "verdict"),
    [(180, 180, 0.0, "keep"), (180, 175, 0.05, "keep"), (180, 170, 0.05, "promote"), (179, 180, -0.01, "promote")],
)
def test_the_policys_gain_decides(candidate: int, champion: int, gain: float, verdict: str) -> None:
    champion_is(0.5)
    declared = spec(promotion={"metric": "accuracy", "minimum_gain": gain})
    assert recommended(candidate, champion, declared)["verdict"] == verdict


def test_the_champions_own_bundle_is_identical() -> None:
    champion_is(1.0)
    found = recommended(180, 180)
    assert found["verdict"] == "identical"
    assert "byte for byte" in found["reasons"][-1]


def test_a_champion_that_answers_none_of_the_rows_is_kept_and_a_person_is_asked() -> None:
    champion_is(0.5)
    found = recommended(180, None)
    assert found["verdict"] == "keep"
    assert "A person has to decide" in found["reasons"][-1]


def test_a_recommendation_depends_on_its_inputs_alone() -> None:
    champion_is(0.5)
    first, again = (json.dumps(recommended(180, 170)) for _ in range(2))
    assert first == again
    assert str(Path.cwd()) not in first


def test_a_baseline_is_read_as_written_and_names_relative_places() -> None:
    champion_is(0.5)
    found = read_baseline(ARTIFACTS.baseline)
    assert found == Champion(3, small_bundle(0.5).hash, ARTIFACTS.baseline_bundle, verified=True)
    assert (ARTIFACTS.baseline_bundle / "model.skops").read_bytes() == small_bundle(0.5).model
    write_baseline(MODEL, None)
    assert read_baseline(ARTIFACTS.baseline) is None
    assert not ARTIFACTS.baseline_bundle.exists()


def test_a_broken_baseline_is_an_error_that_says_how_to_write_it() -> None:
    ARTIFACTS.baseline.parent.mkdir(exist_ok=True)
    ARTIFACTS.baseline.write_text('{"champion": {"version": 1}}')
    with pytest.raises(InvalidBundle, match=r"python -m ml_pipeline\.tracking\.baseline"):
        read_baseline(ARTIFACTS.baseline)
