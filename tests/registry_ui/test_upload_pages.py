"""Uploading true labels in the admin, as somebody with nothing but their own predictions does it."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from predictions.models import Feedback
from registry_ui.feedback_csv import MOST_BYTES
from registry_ui.models import FeedbackUpload, ModelVersion
from tests.registry_ui.conftest import Import, member
from tests.registry_ui.labelled import answered, told

pytestmark = pytest.mark.django_db
NEW = "admin:registry_ui_feedbackupload_new"


@pytest.fixture
def champion(import_one: Import) -> ModelVersion:
    return import_one().version


@pytest.fixture
def anna(client: Client, db: None) -> Client:
    client.force_login(member("anna"))
    return client


def send(client: Client, content: bytes) -> object:
    return client.post(reverse(NEW), {"file": SimpleUploadedFile("labels.csv", content)}, follow=True)


def page_of(upload: FeedbackUpload, action: str = "change") -> str:
    return reverse("admin:registry_ui_feedbackupload_change", args=[upload.pk]).replace("change/", f"{action}/")


def test_a_file_is_checked_confirmed_and_reverted_by_buttons(anna: Client, champion: ModelVersion) -> None:
    prediction = answered(bundle=champion.bundle_hash)
    text = send(anna, f"prediction_id,label\n{prediction.pk},no\nx,<b>\n".encode()).content.decode()
    assert "1 label would be kept; the 1 refused line would not" in text
    assert "&lt;b&gt;" in text
    assert not Feedback.objects.exists()
    upload = FeedbackUpload.objects.get()

    assert anna.get(page_of(upload, "confirm")).status_code == 405
    text = anna.post(page_of(upload, "confirm"), follow=True).content.decode()
    assert "1 labels are kept" in text
    assert Feedback.objects.get().label == "no"
    assert anna.post(page_of(upload, "confirm")).status_code == 409

    result = b"".join(anna.get(page_of(upload, "result")).streaming_content).decode()
    assert [(row["line"], row["outcome"]) for row in csv.DictReader(io.StringIO(result))] == [
        ("2", "new"),
        ("3", "no_id"),
    ]
    anna.post(page_of(upload, "revert"))
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"id;label\n", "names no columns"), (b"", "No file was sent"), (b"x" * (MOST_BYTES + 1), "larger than 2 MiB")],
)
def test_a_file_that_is_no_use_says_why_on_the_form(anna: Client, content: bytes, words: str) -> None:
    answer = send(anna, content)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not FeedbackUpload.objects.exists()


def test_an_upload_of_somebody_else_is_not_shown(anna: Client, client: Client, champion: ModelVersion) -> None:
    send(anna, f"prediction_id,label\n{answered(bundle=champion.bundle_hash).pk},no\n".encode())
    upload = FeedbackUpload.objects.get()
    client.force_login(member("bert"))
    for action in ("change", "result"):
        assert client.get(page_of(upload, action)).status_code == 403
    assert client.post(page_of(upload, "confirm")).status_code == 403
    listed = client.get(reverse("admin:registry_ui_feedbackupload_changelist")).content.decode()
    assert "labels.csv" not in listed


def test_a_sample_to_label_can_be_filled_in_and_uploaded_as_it_is(client: Client, champion: ModelVersion) -> None:
    client.force_login(member("lou", "approvers"))
    rows = [answered(bundle=champion.bundle_hash) for _ in range(3)]
    told(rows[0], "yes")
    answer = client.get(reverse("admin:registry_ui_feedbackupload_to_label"), {"model": "fruit"})
    sample = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert {row["prediction_id"] for row in sample} == {str(row.pk) for row in rows[1:]}

    filled = io.StringIO()
    writer = csv.DictWriter(filled, fieldnames=sample[0])
    writer.writeheader()
    writer.writerows({**row, "label": "no"} for row in sample)
    send(client, filled.getvalue().encode())
    assert FeedbackUpload.objects.get().counts == {"new": 2}


def test_a_sample_holds_inputs_and_needs_the_permission_to_see_them(anna: Client, champion: ModelVersion) -> None:
    address = reverse("admin:registry_ui_feedbackupload_to_label")
    assert anna.get(address, {"model": "fruit"}).status_code == 403
