"""`?explain=true` and what-ifs: what pushed an answer, by every kind of model; what was only tried is not logged."""

import json
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from predictions.models import Prediction
from predictions.services import EXPLAINED_BY_ASKING
from predictions.serving.process import ServingProcess
from tests.bundles import build_bundle
from tests.deployments import deploy
from tests.predictions.conftest import synchronise


def ask(api: Client, model: str, inputs: Any, query: str = "?explain=true") -> Any:
    path = f"/api/v1/models/{model}/predictions{query}"
    return api.post(path, json.dumps({"inputs": inputs}), content_type="application/json")


def golden(live: ServingProcess, model: str) -> list[dict[str, Any]]:
    champion = live.live_models.current.models[model].champion
    assert champion is not None
    return [sample["inputs"] for sample in champion.bundle.golden_samples]


@pytest.mark.parametrize("model", ["sentiment", "spam", "mortgage", "wine"])
def test_contributions_rest_and_baseline_are_the_probability(api: Client, live: ServingProcess, model: str) -> None:
    rows = golden(live, model)
    if model in ("mortgage", "wine"):  # and every number missing that may be
        rows = [*rows, {"alcohol": 13.0} if model == "wine" else {}]
    for prediction in ask(api, model, rows).json()["predictions"]:
        explanation = prediction["explanation"]
        shown = sum(one["contribution"] for one in explanation["contributions"])
        total = explanation["baseline"] + shown + explanation["rest"]["contribution"]
        assert total == pytest.approx(prediction["probability"], abs=1e-9)
        assert explanation["probability"] == prediction["probability"]
        if prediction["threshold"] is not None:
            assert explanation["distance"] == prediction["probability"] - prediction["threshold"]
        assert explanation["contributions"]


@pytest.mark.parametrize(("query", "explained"), [("", False), ("?explain=false", False), ("?explain=1", True)])
def test_only_who_asks_gets_an_explanation(api: Client, query: str, explained: bool) -> None:
    (prediction,) = ask(api, "sentiment", {"text": "a dull film"}, query).json()["predictions"]
    assert ("explanation" in prediction) == explained


@pytest.mark.parametrize("query", ["?explain=yes", "?explain=", "?explain=true&explain=false"])
def test_a_flag_that_is_neither_on_nor_off_is_refused_by_name(api: Client, live: ServingProcess, query: str) -> None:
    answer = ask(api, "sentiment", {"text": "fine"}, query)
    live.ship()
    assert (answer.status_code, list(answer.json()["details"]["fields"])) == (400, ["explain"])
    assert Prediction.objects.count() == 0


def test_a_model_that_has_to_be_asked_explains_few_rows_at_once(api: Client, live: ServingProcess) -> None:
    deploy("mortgage", build_bundle("mortgage", family="gradient_boosting"), version=2)
    synchronise(live)
    rows = golden(live, "mortgage")

    refused = ask(api, "mortgage", rows[:1] * (EXPLAINED_BY_ASKING + 1))
    (prediction,) = ask(api, "mortgage", rows[:1]).json()["predictions"]

    assert (refused.status_code, refused.json()["code"]) == (413, "too_many_rows")
    assert refused.json()["details"] == {"limit_rows": EXPLAINED_BY_ASKING}
    assert prediction["explanation"]["source"] == "permutation"
    assert ask(api, "mortgage", rows[:1] * (EXPLAINED_BY_ASKING + 1), "").status_code == 200


def test_what_is_tried_in_a_form_is_answered_and_counted_apart_and_not_logged(
    client: Client, api: Client, live: ServingProcess
) -> None:
    text = golden(live, "sentiment")[0]["text"]
    before = _what_ifs()
    card = client.post("/models/sentiment/what-if", {"text": text})
    refused = client.post("/models/sentiment/what-if", {"text": " "})
    live.ship()

    (prediction,) = ask(api, "sentiment", {"text": text}).json()["predictions"]
    assert card.context["result"].label == prediction["label"]
    assert "tried, not logged" in card.content.decode()
    assert (refused.status_code, b"Review: " in refused.content) == (400, True)
    assert _what_ifs() == before + 1
    assert Prediction.objects.count() == 0


def test_a_what_if_wants_the_form_s_token_and_login(settings: Any, live: ServingProcess) -> None:
    assert Client(enforce_csrf_checks=True).post("/models/sentiment/what-if", {"text": "a"}).status_code == 403
    settings.FORMS_NEED_LOGIN = True
    assert Client().post("/models/sentiment/what-if", {"text": "a"}).status_code == 302
    assert Client().get("/models/sentiment/what-if").status_code == 405


def _what_ifs() -> float:
    return REGISTRY.get_sample_value("codesoft_what_ifs_total", {"model": "sentiment"}) or 0.0
