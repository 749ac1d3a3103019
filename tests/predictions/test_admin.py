"""The prediction log in the admin: found by id, never changed."""

import pytest
from django.test import Client

from predictions import services
from predictions.models import Observation, Prediction
from predictions.serving.process import ServingProcess


@pytest.fixture
def prediction(live: ServingProcess) -> Prediction:
    services.predict(model="sentiment", rows=[{"text": "fine"}, {"text": "dull"}], entity_ids=["film 7", None])
    live.ship()
    return Prediction.objects.get(entity_id="film 7")


def test_a_prediction_is_found_by_its_id_and_by_its_entity(admin_client: Client, prediction: Prediction) -> None:
    for term in (str(prediction.id), "film 7"):
        page = admin_client.get("/admin/predictions/prediction/", {"q": term})
        assert [row.pk for row in page.context["cl"].result_list] == [prediction.pk]
    assert admin_client.get("/admin/predictions/prediction/", {"q": "no such thing"}).status_code == 200
    assert "fine" in admin_client.get(f"/admin/predictions/prediction/{prediction.pk}/change/").content.decode()


@pytest.mark.parametrize("table", ["prediction", "observation", "generation"])
def test_nobody_can_add_change_or_delete_a_row(admin_client: Client, prediction: Prediction, table: str) -> None:
    Observation.objects.create(kind="x", subject="y", message="z")
    assert admin_client.get(f"/admin/predictions/{table}/").status_code == 200
    assert admin_client.get(f"/admin/predictions/{table}/add/").status_code == 403
    assert admin_client.post(f"/admin/predictions/prediction/{prediction.pk}/delete/").status_code == 405
    assert (
        admin_client.post(f"/admin/predictions/prediction/{prediction.pk}/change/", {"label": "x"}).status_code == 405
    )
