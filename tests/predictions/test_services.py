"""The prediction service: one core for every door."""

import math

import pytest

from ml_pipeline.bundle.model_bundle import Answer, ModelBundle
from ml_pipeline.canonical import canonical_json, sha256_hex
from ml_pipeline.errors import InvalidInputs, UnknownModel
from ml_pipeline.spec import Serving
from predictions import services
from predictions.bundle_store import store_bundle
from predictions.errors import NoLiveVersion, NotANumber, SpoolFull, UnknownVersion, VersionNotServed
from predictions.models import Deployment, Prediction
from predictions.prediction_log.spool import Spool
from predictions.serving.process import ServingProcess
from tests.bundles import build_bundle
from tests.deployments import deploy, set_canary
from tests.predictions.conftest import synchronise


def test_answers_are_in_the_order_of_the_rows_and_in_the_log(live: ServingProcess) -> None:
    golden = live.live_models.current.models["sentiment"].champion.bundle.golden_samples  # type: ignore[union-attr]

    predicted = services.predict(
        model="sentiment", rows=[sample["inputs"] for sample in golden], entity_ids=["a"] * len(golden), caller="ann"
    )
    live.ship()

    assert [answer.label for answer in predicted.answers] == [sample["label"] for sample in golden]
    assert [answer.probability for answer in predicted.answers] == pytest.approx(
        [sample["probability"] for sample in golden], abs=1e-9
    )
    assert predicted.ids is not None
    for prediction_id, sample in zip(predicted.ids, golden, strict=True):
        row = Prediction.objects.get(id=prediction_id)
        assert (row.inputs, row.label, row.version, row.entity_id, row.caller, row.route) == (
            sample["inputs"], sample["label"], 1, "a", "ann", "champion"
        )  # fmt: skip


def test_a_model_that_keeps_hashes_logs_what_proves_the_inputs_and_none_of_them(live: ServingProcess) -> None:
    deploy("sentiment", build_bundle("sentiment", inputs="hash"), version=2)
    synchronise(live)
    services.predict(model="sentiment", rows=[{"text": "fine"}], token="ab" * 64)
    assert not any(b"fine" in file.read_bytes() for file in live.spool.folder.glob("*.jsonl"))
    live.ship()

    row = Prediction.objects.get()
    assert (row.inputs, row.input_hash) == (None, sha256_hex(canonical_json({"text": "fine"})))
    assert row.token == "ab" * 8


def test_a_bundle_from_before_retention_was_declared_keeps_inputs_for_ninety_days() -> None:
    assert (Serving(log="required").inputs, Serving(log="required").retention_days) == ("keep", 90)


def test_one_bad_row_refuses_the_request_and_names_every_bad_row(live: ServingProcess) -> None:
    with pytest.raises(InvalidInputs) as refused:
        services.predict(model="sentiment", rows=[{"text": "fine"}, {"text": 5}, {"words": "x", "text": "fine"}])
    live.ship()

    assert [(row["row"], row["errors"][0]["code"]) for row in refused.value.details["rows"]] == [
        (1, "wrong_type"), (2, "unknown_input")
    ]  # fmt: skip
    assert Prediction.objects.count() == 0


def test_an_unknown_model_and_one_without_a_live_version_are_two_errors(live: ServingProcess) -> None:
    with pytest.raises(UnknownModel):
        services.predict(model="nothing", rows=[{}])
    with pytest.raises(NoLiveVersion):
        services.predict(model="unborn", rows=[{}])


def test_a_full_spool_refuses_unless_the_model_logs_by_best_effort(live: ServingProcess) -> None:
    deploy("mortgage", build_bundle("mortgage", log="best_effort"), version=2)
    synchronise(live)
    live.spool = Spool(live.spool.folder, limit_bytes=10)

    with pytest.raises(SpoolFull):
        services.predict(model="sentiment", rows=[{"text": "fine"}])
    predicted = services.predict(model="mortgage", rows=[{}])

    assert predicted.ids is None
    assert len(predicted.answers) == 1


def test_a_canary_answers_its_share_of_entities_and_always_the_same_ones(live: ServingProcess) -> None:
    set_canary("sentiment", build_bundle("sentiment", rows=200), version=2, share=0.3)
    synchronise(live)
    entities = [f"entity {number}" for number in range(200)]

    def routes() -> dict[str, str]:
        return {
            entity: services.predict(model="sentiment", rows=[{"text": "fine"}], entity_ids=[entity]).parts[0].route
            for entity in entities
        }

    first = routes()
    assert first == routes()
    assert 0.2 < list(first.values()).count("canary") / len(entities) < 0.4


@pytest.mark.parametrize("probability", [math.nan, math.inf, -0.1, 1.1])
def test_what_is_no_probability_is_neither_given_nor_logged(
    live: ServingProcess, monkeypatch: pytest.MonkeyPatch, probability: float
) -> None:
    monkeypatch.setattr(ModelBundle, "predict", lambda _bundle, _rows: [Answer("positive", probability, 0.5)])

    with pytest.raises(NotANumber):
        services.predict(model="sentiment", rows=[{"text": "fine"}])
    assert live.spool.measure().bytes == 0


def test_a_batch_under_a_canary_is_answered_and_logged_row_by_row_by_the_version_of_its_entity(
    live: ServingProcess,
) -> None:
    set_canary("sentiment", build_bundle("sentiment", rows=200), version=2, share=0.5)
    synchronise(live)
    model = live.live_models.current.models["sentiment"]
    assert model.champion
    assert model.canary
    entities = [f"entity {number}" for number in range(40)]
    rows = [{"text": f"a fine film, number {number}"} for number in range(40)]

    predicted = services.predict(model="sentiment", rows=rows, entity_ids=entities)
    live.ship()

    assert predicted.version == 1
    assert predicted.ids is not None
    versions = []
    for row, entity, answer, prediction_id in zip(rows, entities, predicted.answers, predicted.ids, strict=True):
        logged = Prediction.objects.get(id=prediction_id)
        of_it = model.canary if logged.route == "canary" else model.champion
        [expected] = of_it.bundle.predict(of_it.bundle.validate([row]))
        assert (logged.entity_id, logged.version, logged.bundle) == (entity, of_it.version, of_it.bundle.hash)
        assert (logged.inputs, logged.probability) == (row, pytest.approx(answer.probability))
        assert answer.probability == pytest.approx(expected.probability)
        versions.append(logged.version)
    assert set(versions) == {1, 2}


def test_a_named_version_answers_if_a_decision_once_put_it_live_and_its_bundle_can_be_had(
    live: ServingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = store_bundle(*build_bundle("sentiment", rows=200))
    gone = "0" * 64
    Deployment.objects.filter(model="sentiment").update(
        former=[{"version": 5, "bundle": former}, {"version": 4, "bundle": gone}]
    )
    live.live_models.refresh()
    live.live_models.load_bundles()
    monkeypatch.setattr(
        live.live_models.wanted, "set", live.live_models.load_bundles
    )  # the loading thread does not run here

    predicted = services.predict(model="sentiment", rows=[{"text": "fine"}], version=5)
    assert [(part.route, part.version.version, part.version.bundle.hash) for part in predicted.parts] == [
        ("named", 5, former)
    ]
    assert services.predict(model="sentiment", rows=[{"text": "fine"}], version=1).version == 1
    with pytest.raises(VersionNotServed):
        services.predict(model="sentiment", rows=[{"text": "fine"}], version=4)
    with pytest.raises(UnknownVersion):
        services.predict(model="sentiment", rows=[{"text": "fine"}], version=2)
