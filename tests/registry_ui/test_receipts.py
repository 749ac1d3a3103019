"""A logged prediction by its id: its receipt, asking it again, and its true label; and what nobody else may learn."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uuid_utils
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from guardian.shortcuts import assign_perm
from pytest_django import Settings
from rest_framework.test import APIClient

from ml_pipeline.canonical import canonical_json, sha256_hex
from predictions import services
from predictions.authentication import Caller
from predictions.bundle_store import store_bundle
from predictions.models import Deployment, Feedback, Observation, Prediction
from predictions.serving import serving_process, stop_serving
from predictions.serving.archive import KEPT, BundleArchive
from predictions.serving.process import ServingProcess
from registry_ui.models import ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.decisions import version_approve
from registry_ui.services.feedback import NEVER_ARRIVED, feedback_settle
from tests.registry_ui.candidates import bundle_files
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.test_api import calling

pytestmark = pytest.mark.django_db
ASKED = {"weight": 12.5}
CHECKED = {"weight": 12.5, "colour": None}
Predict = Callable[..., str]


@pytest.fixture
def serving(db: None, settings: Settings, tmp_path: Path) -> Iterator[ServingProcess]:
    stop_serving()
    settings.SERVING_DIR, settings.SPOOL_DIR = tmp_path / "serving", tmp_path / "spool"
    yield serving_process()
    stop_serving()


@pytest.fixture
def predict(import_one: Import, serving: ServingProcess) -> Predict:
    """A prediction of fruit for `anna`, shipped unless told otherwise."""

    def predicted(*, ship: bool = True, caller: str = "anna") -> str:
        serving.live_models.refresh()
        serving.live_models.load_bundles()
        done = services.predict(model="fruit", rows=[ASKED], entity_ids=["crate 7"], caller=caller, token="d" * 128)
        if ship:
            serving.ship()
        return str((done.ids or [""])[0])

    import_one()
    return predicted


@pytest.fixture
def anna(db: None) -> APIClient:
    return calling(User.objects.create_user("anna"))


@pytest.fixture
def bob(db: None) -> APIClient:
    return calling(User.objects.create_user("bob"))


def uuid7_of(seconds: float) -> uuid.UUID:
    """An id as it was given so many seconds from now."""
    milliseconds = round((time.time() + seconds) * 1_000)
    return uuid.UUID(int=milliseconds << 80 | uuid_utils.uuid7().int & (1 << 80) - 1)


def receipt(client: APIClient, prediction: str) -> Any:
    return client.get(f"/api/v1/predictions/{prediction}")


def verify(client: APIClient, prediction: str, body: Any = None) -> Any:
    return client.post(f"/api/v1/predictions/{prediction}/verify", body, format="json")


def tell(client: APIClient, prediction: str, body: Any) -> Any:
    return client.post(f"/api/v1/predictions/{prediction}/feedback", body, format="json")


def test_the_receipt_says_what_was_answered_and_by_what(anna: APIClient, predict: Predict) -> None:
    prediction = predict()
    ModelVersion.objects.update(lineage={"git_commit": "0123abc"}, run_id="run-1")

    body = receipt(anna, prediction).json()

    assert {name: body[name] for name in ("id", "model", "version", "route", "caller", "entity_id", "label")} == {
        "id": prediction, "model": "fruit", "version": 1, "route": "champion", "caller": "anna",
        "entity_id": "crate 7", "label": "yes",
    }  # fmt: skip
    assert (body["run_id"], body["git_commit"], body["data_hash"]) == ("run-1", "0123abc", "a" * 64)
    assert body["bundle_hash"] == ModelVersion.objects.get().bundle_hash
    assert (body["inputs"], body["input_hash"]) == (CHECKED, sha256_hex(canonical_json(CHECKED)))
    assert (body["token"], body["feedback"], body["threshold"]) == ("d" * 16, None, 0.5)


def test_an_id_that_is_young_is_pending_and_any_other_is_unknown(anna: APIClient, predict: Predict) -> None:
    prediction = predict(ship=False)
    answer = receipt(anna, prediction)
    assert (answer.status_code, answer.json()["code"]) == (202, "pending")
    assert int(answer["Retry-After"]) > 0
    serving_process().ship()
    assert receipt(anna, prediction.upper()).status_code == 200

    old = uuid7_of(-16 * 60)
    future = uuid7_of(3_600)
    for unknown in (old, future, uuid.uuid4(), uuid.UUID(int=0), "x", "0" * 32, f"{{{prediction}}}", "%00", "%ff"):
        for answer in (
            receipt(anna, str(unknown)),
            verify(anna, str(unknown)),
            tell(anna, str(unknown), {"label": "x"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_prediction"), unknown


def test_a_prediction_that_one_may_not_see_cannot_be_told_from_one_that_is_not_there(predict: Predict) -> None:
    young, stranger = predict(), calling(member("sam"))
    assert receipt(stranger, young).status_code == verify(stranger, young).status_code == 202
    old = uuid7_of(-16 * 60)
    Prediction.objects.update(id=old)
    assert receipt(stranger, str(old)).json() == receipt(stranger, str(uuid.uuid4())).json()
    assert tell(stranger, str(old), {"label": "yes"}).status_code == 404
    assert receipt(calling(None), str(old)).status_code == 401


def test_a_permission_on_the_model_is_enough_and_one_to_look_alone_hides_the_inputs(
    predict: Predict, approver: Actor
) -> None:
    prediction = predict()
    member_of_model, looker = member("gus"), member("lou")
    assign_perm("view_deployment", member_of_model, Deployment.objects.get(model="fruit"))
    assign_perm("predictions.view_deployment", looker)

    assert receipt(calling(approver.user), prediction).json()["inputs"] == CHECKED
    assert receipt(calling(member_of_model), prediction).json()["inputs"] == CHECKED
    assert receipt(calling(looker), prediction).json()["inputs"] is None


def test_the_very_bundle_is_asked_again_also_when_another_one_serves(
    anna: APIClient, predict: Predict, import_one: Import, approver: Actor
) -> None:
    prediction = predict()
    import_one(flavour=2.0)
    version_approve(model="fruit", number=2, actor=approver, reason="better", expected_generation=1)
    serving_process().live_models.refresh()
    serving_process().live_models.load_bundles()

    body = verify(anna, prediction).json()

    assert (body["agrees"], body["inputs"], body["now"]) == (True, "kept", body["logged"])
    Prediction.objects.update(probability=body["now"]["probability"] + 1e-8)
    assert not verify(anna, prediction).json()["agrees"]
    Prediction.objects.update(probability=body["now"]["probability"], label="no")
    assert not verify(anna, prediction).json()["agrees"]
    Prediction.objects.update(inputs={"weight": 1.0, "colour": None})
    assert verify(anna, prediction).json()["code"] == "input_hash_differs"


def test_inputs_that_were_not_kept_are_sent_again_and_must_have_the_logged_hash(
    anna: APIClient, predict: Predict
) -> None:
    prediction = predict()
    Prediction.objects.update(inputs=None)

    assert receipt(anna, prediction).json()["inputs"] is None
    answers = [verify(anna, prediction), verify(anna, prediction, {"inputs": {"weight": 12.6}})]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (409, "inputs_not_kept"),
        (409, "input_hash_differs"),
    ]
    body = verify(anna, prediction, {"inputs": ASKED}).json()
    assert (body["agrees"], body["inputs"]) == (True, "sent")
    Prediction.objects.update(input_hash="")
    assert verify(anna, prediction, {"inputs": ASKED}).json()["code"] == "inputs_not_kept"


@pytest.mark.parametrize("body", [[], 5, {"inputs": 5}, {"inputs": []}, {"input": {}}, {"inputs": {"weight": "x"}}])
def test_what_cannot_be_asked_is_a_400(anna: APIClient, predict: Predict, body: Any) -> None:
    assert verify(anna, predict(), body).status_code == 400


def test_a_bundle_that_is_lost_is_named(
    anna: APIClient, predict: Predict, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = predict()
    monkeypatch.setattr("predictions.verification.archive", BundleArchive())
    stop_serving()
    for file in bundle_folder.rglob("model.skops"):
        file.unlink()
    answer = verify(anna, prediction)
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_bundle")


def test_few_bundles_are_kept_and_the_oldest_goes_first(predict: Predict) -> None:
    archive = BundleArchive()
    hashes = [store_bundle(*bundle_files("fruit", flavour)) for flavour in (2.0, 3.0, 4.0)]
    first = archive.get(hashes[0])
    assert archive.get(hashes[0]) is first
    for one in hashes[1:]:
        archive.get(one)
    assert list(archive._bundles) == hashes[-KEPT:]


def test_the_last_label_holds_and_the_earlier_ones_are_kept(anna: APIClient, predict: Predict) -> None:
    prediction = predict()
    told = [tell(anna, prediction, {"label": label}) for label in ("yes", "yes", "no", "yes")]

    assert [one.status_code for one in told] == [201, 200, 200, 200]
    assert [[past["label"] for past in one.json()["earlier"]] for one in told] == [[], [], ["yes"], ["yes", "no"]]
    body = receipt(anna, prediction).json()["feedback"]
    assert (body["label"], body["state"], body["by"]) == ("yes", "joined", "anna")
    assert Feedback.objects.count() == 1


@pytest.mark.parametrize("body", [None, [], {}, {"label": ""}, {"label": 1}, {"label": "x" * 201}, {"label": "\x00"},
                                  {"label": "maybe"}, {"label": "yes", "more": 1}])  # fmt: skip
def test_what_is_no_label_of_the_model_is_a_400(anna: APIClient, predict: Predict, body: Any) -> None:
    assert tell(anna, predict(), body).status_code == 400
    assert Feedback.objects.count() == 0


def test_feedback_before_its_prediction_is_kept_and_settled_when_that_has_arrived(
    anna: APIClient, predict: Predict
) -> None:
    good, wrong, not_theirs = predict(ship=False), predict(ship=False), predict(ship=False, caller="bob")
    never = str(uuid_utils.uuid7())
    for prediction in (good, wrong, not_theirs, never):
        told = tell(anna, prediction, {"label": "maybe" if prediction == wrong else "no"})
        assert (told.status_code, told.json()["state"]) == (202, "pending")
    assert feedback_settle() == {"waiting": 4}
    serving_process().ship()
    Feedback.objects.filter(pk=never).update(
        created_at=Prediction.objects.latest("created_at").created_at - NEVER_ARRIVED
    )

    assert feedback_settle() == {"joined": 1, "refused": 2, "dropped": 1}
    assert receipt(anna, good).json()["feedback"]["state"] == "joined"
    assert [str(row.pk) for row in Feedback.objects.all()] == [good]
    assert Observation.objects.get().kind == "feedback_refused"
    assert feedback_settle() == {}


def test_who_may_not_see_a_prediction_neither_changes_its_label_nor_learns_of_it(
    anna: APIClient, bob: APIClient, predict: Predict
) -> None:
    told, untold = predict(), predict()
    tell(anna, told, {"label": "no"})
    for label in ("NONSENSE", "yes", "no", "no"):
        answers = [tell(bob, one, {"label": label}) for one in (told, untold, str(uuid_utils.uuid7()))]
        assert [one.status_code for one in answers] == [202, 202, 202]
        bodies = [one.json() | {"prediction": "", "at": ""} for one in answers]
        nothing_else = {"prediction": "", "at": "", "label": label, "by": "bob", "state": "pending", "earlier": []}
        assert bodies == [nothing_else] * 3

    body = receipt(anna, told).json()["feedback"]
    assert (body["label"], body["by"], body["state"], body["earlier"]) == ("no", "anna", "joined", [])
    assert receipt(anna, untold).json()["feedback"] is None
    assert tell(anna, untold, {"label": "no"}).status_code == 201


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (["anna no", "bob NONSENSE"], 1),
        (["anna yes", "anna no", "bob yes", "anna maybe"], 2),
        (["bob no", "anna no", "bob no"], 1),
        (["bob yes", "anna no", *(f"bob {number}" for number in range(150))], 100),
    ],
    ids=["nonsense", "a typing error", "the same label", "a flood"],
)
def test_of_what_was_told_before_a_prediction_arrived_the_newest_that_may_be_holds(
    anna: APIClient, bob: APIClient, predict: Predict, told: list[str], refused: int
) -> None:
    prediction, by_name = predict(ship=False), {"anna": anna, "bob": bob}
    for name, label in (one.split() for one in told):
        answer = tell(by_name[name], prediction, {"label": label})
        body = answer.json()
        assert (answer.status_code, body["by"], body["label"], body["earlier"]) == (202, name, label, [])
    assert feedback_settle() == {"waiting": 1}
    serving_process().ship()

    assert feedback_settle() == {"joined": 1, "refused": refused}
    body = receipt(anna, prediction).json()["feedback"]
    assert (body["label"], body["by"], body["state"]) == ("no", "anna", "joined")
    assert {one["by"] for one in body["earlier"]} <= {"anna"}


@pytest.mark.parametrize(
    "told", [["limited yes"], ["anna no", "limited yes"], ["limited no", "anna no", "limited yes"]]
)
def test_a_token_tells_labels_of_its_own_models_alone_also_before_the_prediction_arrived(
    anna: APIClient, predict: Predict, told: list[str]
) -> None:
    prediction, limited = predict(ship=False), APIClient()
    owner = User.objects.get(username="anna")
    limited.force_authenticate(Caller(owner.pk, "anna", models=frozenset({"nuts"})))  # type: ignore[arg-type]
    for name, label in (one.split() for one in told):
        assert tell({"anna": anna, "limited": limited}[name], prediction, {"label": label}).status_code == 202
    serving_process().ship()

    feedback_settle()
    kept = Feedback.objects.filter(pk=prediction).first()
    assert (kept and (kept.label, kept.caller, kept.earlier)) == (("no", "anna", []) if len(told) > 1 else None)


@pytest.mark.parametrize(("waiting", "status"), [(["bob yes"], 201), (["bob yes", "anna yes", "bob 5"], 200)])
def test_what_waits_is_checked_before_another_label_is_joined(
    anna: APIClient, bob: APIClient, predict: Predict, waiting: list[str], status: int
) -> None:
    prediction = predict(ship=False)
    for name, label in (one.split() for one in waiting):
        tell({"anna": anna, "bob": bob}[name], prediction, {"label": label})
    serving_process().ship()

    answer = tell(anna, prediction, {"label": "no"})

    assert (answer.status_code, answer.json()["label"], answer.json()["state"]) == (status, "no", "joined")
    assert {one["by"] for one in answer.json()["earlier"]} <= {"anna"}
    assert Observation.objects.get().kind == "feedback_refused"
    assert feedback_settle() == {}


def test_who_confirms_a_label_is_named_once(anna: APIClient, predict: Predict, approver: Actor) -> None:
    prediction, olga = predict(), calling(approver.user)
    told = [tell(one, prediction, {"label": "yes"}).json() for one in (anna, olga, anna, olga)]
    assert [(one["by"], [past["by"] for past in one["earlier"]]) for one in told] == [
        ("anna", []), ("olga", ["anna"]), ("olga", ["anna"]), ("olga", ["anna"]),
    ]  # fmt: skip


def test_while_the_database_is_away_it_is_a_503_that_says_when_to_come_again(anna: APIClient, predict: Predict) -> None:
    prediction = predict()

    def refuse(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(refuse):
        answers = [receipt(anna, prediction), verify(anna, prediction), tell(anna, prediction, {"label": "no"})]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"], "Retry-After" in answer) == (503, "log_unavailable", True)
