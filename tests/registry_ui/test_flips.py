"""Decisions that would flip, counted by hand on fruit: ripe from a weight of 10 on, or never by a timid candidate."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ml_pipeline.canonical import canonical_json
from predictions.models import Prediction
from registry_ui.errors import PermissionRefused, WrongState
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.background import task_execute
from registry_ui.services.background_kinds import KINDS
from registry_ui.services.flips import flips_request
from tests.registry_ui.conftest import Import, member

pytestmark = pytest.mark.django_db
TIMID = 0.9999  # nothing on a scale of 20 is so surely ripe


def log(*inputs: dict[str, Any]) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for number, sent in enumerate(inputs):
        Prediction.objects.create(
            id=uuid4(),
            created_at=start + timedelta(minutes=number),
            model="fruit",
            version=1,
            bundle="",
            route="champion",
            inputs=sent,
            label="yes",
            probability=0.5,
            latency_us=100,
        )


def computed(version: ModelVersion) -> BackgroundTask:
    """The task that the import asked for, done by a worker."""
    task = BackgroundTask.objects.get(kind="flips", subject=str(version), state="queued")
    task_execute(task_id=task.pk, kinds=KINDS)
    task.refresh_from_db()
    return task


@pytest.fixture
def timid(import_one: Import) -> ModelVersion:
    import_one(held_out=True)
    return import_one(flavour=2.0, threshold=TIMID, held_out=True).version


def test_the_last_calls_are_replayed_and_counted(timid: ModelVersion) -> None:
    log({"weight": 1.0}, {"weight": 2.0}, {"weight": 15.0}, {"weight": 19.0}, {"weight": 12.0, "colour": "x" * 900})

    result = computed(timid).result

    assert (result["source"], result["asked"], result["compared"], result["flipped"]) == ("predictions", 5, 5, 3)
    assert result["directions"] == [{"from": "yes", "to": "no", "rows": 3}]
    assert [case["champion"]["label"] for case in result["cases"]] == ["yes"] * 3
    sure = [case["confidence"] for case in result["cases"]]
    assert sure == sorted(sure, reverse=True)
    assert [case["inputs"]["weight"] for case in result["cases"]] == [12.0, 15.0, 19.0]
    assert len(result["cases"][0]["inputs"]["colour"]) == 240
    assert (result["cost"]["basis"], result["put_right"]) == ("expected", None)
    assert 0 < result["cost"]["low"] <= result["cost"]["value"] <= result["cost"]["high"]
    assert min(result["milliseconds"]["candidate"], result["milliseconds"]["champion"]) > 0
    canonical_json(result)  # it is frozen with a decision


def test_without_calls_the_held_out_rows_are_replayed_and_the_cost_is_counted(timid: ModelVersion) -> None:
    result = computed(timid).result

    assert (result["source"], result["asked"], result["flipped"], result["put_right"]) == ("held_out", 20, 10, 0)
    assert result["cost"]["basis"] == "counted"
    assert result["cost"]["value"] == 0.5  # ten of twenty ripe fruit are missed, each at a cost of 1
    assert {case["truth"] for case in result["cases"]} == {"yes"}


def test_what_the_candidate_refuses_is_counted_and_named(timid: ModelVersion) -> None:
    log({"weight": 15.0}, {"weight": 15.0, "shape": "round"}, {"colour": "red"})

    result = computed(timid).result

    assert (result["asked"], result["compared"]) == (3, 1)
    assert result["refused"]["candidate"] == {"rows": 2, "fields": {"shape": 1, "weight": 1}}


def test_no_more_than_asked_for_is_replayed_and_the_latest_first(timid: ModelVersion, approver: Actor) -> None:
    log(*({"weight": float(weight)} for weight in range(20)))
    computed(timid)

    flips_request(model="fruit", number=2, actor=approver, limit=5)
    result = computed(timid).result

    assert (result["asked"], result["flipped"]) == (5, 5)


def test_a_replay_is_asked_for_by_who_may_and_only_where_something_can_flip(
    import_one: Import, approver: Actor
) -> None:
    import_one()
    with pytest.raises(WrongState, match="the champion itself"):
        flips_request(model="fruit", number=1, actor=approver)
    import_one(flavour=2.0)
    with pytest.raises(PermissionRefused):
        flips_request(model="fruit", number=2, actor=Actor.person(member("guest")))


def test_neither_calls_nor_kept_rows_is_a_failure_that_says_so(import_one: Import) -> None:
    import_one()
    version = import_one(flavour=2.0).version

    task = computed(version)

    assert task.state == "failed"
    assert "No prediction is logged yet of fruit" in task.error
