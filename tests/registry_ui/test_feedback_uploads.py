"""True labels from a file: nothing is written before it is confirmed, each refusal says why, and it can be undone."""

import json
import uuid

import pytest
from django.utils import timezone

from predictions.models import Feedback, Prediction
from registry_ui.errors import InvalidUpload, WrongState
from registry_ui.feedback_csv import MOST_LINES, feedback_lines
from registry_ui.models import AuditEntry, FeedbackUpload, LabelledDay, ModelVersion
from registry_ui.services.access import Actor
from registry_ui.services.feedback import feedback_give
from registry_ui.services.feedback_uploads import upload_check, upload_confirm, upload_revert
from registry_ui.services.live_performance import performance_count
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.labelled import answered, noon, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one().version


@pytest.fixture
def anna(db: None) -> Actor:
    return Actor.person(member("anna"))


def ours(champion: ModelVersion, **columns: object) -> Prediction:
    return answered(at=noon(3), bundle=champion.bundle_hash, **columns)


def csv_of(*lines: tuple[object, str]) -> bytes:
    return "\n".join(["prediction_id,label", *(f"{one},{label}" for one, label in lines)]).encode()


def checked(actor: Actor, *lines: tuple[object, str]) -> FeedbackUpload:
    return upload_check(file_name="labels.csv", content=csv_of(*lines), actor=actor)


def outcomes(upload: FeedbackUpload) -> list[str]:
    return [line[3] for line in upload.lines]


def test_each_line_is_told_what_would_become_of_it_and_nothing_is_written(champion: ModelVersion, anna: Actor) -> None:
    new, changed, same, twice, torn = (ours(champion).pk for _ in range(5))
    other = ours(champion, caller="bert").pk
    told(Prediction.objects.get(pk=changed), "no")
    told(Prediction.objects.get(pk=same), "yes")
    young = answered(bundle=champion.bundle_hash)
    Prediction.objects.filter(pk=young.pk).delete()
    before = list(Feedback.objects.values_list("pk", "label"))

    upload = checked(
        anna, (new, "yes"), (changed, "yes"), (same, "yes"), (twice, "no"), (twice, "no"), (torn, "yes"), (torn, "no"),
        (other, "yes"), (uuid.uuid4(), "yes"), (ours(champion).pk, "maybe"), (young.pk, "yes"), ("x", "yes"),
        (ours(champion).pk, ""),
    )  # fmt: skip

    assert outcomes(upload) == [
        "new", "changed", "same", "new", "repeated", "contradicted", "contradicted", "unknown_prediction",
        "unknown_prediction", "unknown_label", "pending", "no_id", "empty",
    ]  # fmt: skip
    assert upload.counts["contradicted"] == 2
    assert upload.models_named == ["fruit"]
    assert list(Feedback.objects.values_list("pk", "label")) == before


def test_what_one_may_not_see_and_what_is_not_there_are_told_in_the_same_words(
    champion: ModelVersion, anna: Actor
) -> None:
    upload = checked(anna, (ours(champion, caller="bert").pk, "yes"), (uuid.uuid4(), "yes"))
    assert upload.lines[0][3:] == upload.lines[1][3:]


def test_confirmed_it_is_feedback_like_any_other_and_audited_once(champion: ModelVersion, anna: Actor) -> None:
    first, second = ours(champion), ours(champion)
    told(second, "no", caller="bert")
    upload = upload_confirm(upload=checked(anna, (first.pk, "yes"), (second.pk, "yes"), ("x", "y")), actor=anna)

    rows = {row.pk: row for row in Feedback.objects.all()}
    assert (rows[first.pk].label, rows[first.pk].model, rows[first.pk].caller) == ("yes", "fruit", "anna")
    assert (rows[second.pk].label, rows[second.pk].caller) == ("yes", "anna")
    assert [before["label"] for before in rows[second.pk].earlier] == ["no"]
    assert performance_count() == 2
    entry = AuditEntry.objects.get(action="feedback.upload")
    details = json.loads(entry.payload)["details"]
    assert (entry.model, details["counts"]) == ("fruit", {"new": 1, "changed": 1, "no_id": 1})
    with pytest.raises(WrongState):
        upload_confirm(upload=upload, actor=anna)
    assert AuditEntry.objects.filter(action="feedback.upload").count() == 1


def test_what_changed_since_the_check_is_judged_anew(champion: ModelVersion, anna: Actor) -> None:
    prediction = ours(champion)
    upload = checked(anna, (prediction.pk, "yes"))
    told(prediction, "no", caller="bert")
    assert outcomes(upload) == ["new"]
    assert outcomes(upload_confirm(upload=upload, actor=anna)) == ["changed"]


def test_a_revert_gives_back_the_labels_from_before_and_leaves_what_others_told_since(
    champion: ModelVersion, anna: Actor
) -> None:
    new, changed, later = ours(champion), ours(champion), ours(champion)
    told(changed, "no", caller="bert", updated_at=noon(4))
    upload = checked(anna, (new.pk, "yes"), (changed.pk, "yes"), (later.pk, "yes"))
    upload = upload_confirm(upload=upload, actor=anna)
    performance_count()
    Feedback.objects.filter(pk=later.pk).update(label="no", caller="carla", updated_at=timezone.now())

    upload = upload_revert(upload=upload, actor=anna)

    assert (upload.state, upload.left_alone) == ("reverted", 1)
    labels = {pk: (label, by, len(earlier)) for pk, label, by, earlier in
              Feedback.objects.values_list("pk", "label", "caller", "earlier")}  # fmt: skip
    assert labels == {changed.pk: ("no", "bert", 0), later.pk: ("no", "carla", 0)}
    performance_count()
    assert LabelledDay.objects.get().counts == {"1": {"yes": {"no": 2}}}, "the label that is gone is not counted"
    assert AuditEntry.objects.filter(action="feedback.revert").count() == 1
    with pytest.raises(WrongState):
        upload_revert(upload=upload, actor=anna)


def test_a_label_that_somebody_else_confirmed_survives_the_revert(
    champion: ModelVersion, anna: Actor, approver: Actor
) -> None:
    prediction = ours(champion)
    upload = upload_confirm(upload=checked(anna, (prediction.pk, "yes")), actor=anna)
    performance_count()
    assert approver.user
    feedback_give(prediction_id=prediction.pk, label="yes", caller=approver.user)
    assert performance_count() == 0, "it is counted as it is"

    assert upload_revert(upload=upload, actor=anna).left_alone == 1

    row = Feedback.objects.get()
    assert (row.label, row.caller, row.earlier) == ("yes", approver.name, [])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(("labels", "left"), [(("yes", "no"), ["no", "yes"]), (("yes", "yes"), ["yes", "yes"])])
def test_what_a_reverted_upload_said_never_comes_back(
    champion: ModelVersion, anna: Actor, order: tuple[int, int], labels: tuple[str, str], left: list[str]
) -> None:
    """`left` is the label that holds once the first upload is reverted, and once the second is."""
    prediction = ours(champion)
    new = ours(champion).pk
    first, second = labels
    uploads = [upload_confirm(upload=checked(anna, (prediction.pk, first)), actor=anna)]
    uploads += [upload_confirm(upload=checked(anna, (prediction.pk, second), (new, "yes")), actor=anna)]
    performance_count()

    upload_revert(upload=uploads[order[0]], actor=anna)
    row = Feedback.objects.get(pk=prediction.pk)
    assert (row.label, row.earlier) == (left[order[0]], [])
    upload_revert(upload=uploads[order[1]], actor=anna)

    assert not Feedback.objects.exists()
    performance_count()
    assert LabelledDay.objects.get().counts == {}


def test_a_label_that_nobody_checked_yet_is_none(champion: ModelVersion, anna: Actor) -> None:
    """Who told it while the prediction was on its way may not have been allowed to."""
    prediction = ours(champion)
    told(prediction, "yes", caller="bert", model="")
    upload = upload_confirm(upload=checked(anna, (prediction.pk, "yes")), actor=anna)

    assert outcomes(upload) == ["new"]
    row = Feedback.objects.get()
    assert (row.model, row.label, row.caller, row.earlier) == ("fruit", "yes", "anna", [])


def test_it_is_its_uploaders_to_confirm(champion: ModelVersion, anna: Actor, approver: Actor) -> None:
    with pytest.raises(WrongState, match="not yours"):
        upload_confirm(upload=checked(anna, (ours(champion).pk, "yes")), actor=approver)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_understood(delimiter: str, encoding: str, ending: str) -> None:
    rows = [["Label", "note", "PREDICTION_ID"], ["süß", f'"a{delimiter} b"', "1"], ["", "", ""], [" no ", "", " 2 "]]
    content = ending.join(delimiter.join(row) for row in rows).encode(encoding)
    assert [(line.prediction, line.label) for line in feedback_lines(content)] == [("1", "süß"), ("2", "no")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names no columns"),
        (b"id,label\n1,yes", "names no columns"),
        (b"prediction_id,label,label\n1,yes,no", "names no columns"),
        ("prediction_id,label\n1,süß".encode("latin-1"), "Line 2 is not UTF-8"),
        (b"prediction_id,label\n1,\x00", "NUL"),
        (b"prediction_id,label\n1,yes,no", "Line 2 has 3 cells"),
        (b'prediction_id,label\n1,"yes', "not well-formed"),
        (b"prediction_id,label\n" + b"1" * 5_000 + b",yes", "longer than any"),
        (b"prediction_id,label\n" + b"1,yes\n" * (MOST_LINES + 1), f"more than {MOST_LINES} lines"),
        (b"x" * (2**21 + 1), "larger than 2 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(content: bytes, words: str) -> None:
    with pytest.raises(InvalidUpload, match=words):
        feedback_lines(content)
