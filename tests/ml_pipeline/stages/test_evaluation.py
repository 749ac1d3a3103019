import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.learning.metrics import METRICS
from ml_pipeline.params import load_spec
from ml_pipeline.rows import read_labelled
from ml_pipeline.scores import read_scores
from tests.ml_pipeline.stages import mails
from tests.ml_pipeline.stages.mails import FILES, MODEL

ALL = ("preprocessing", "feature_engineering", "model_building", "evaluation")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mails.declare()
    mails.ingest(mails.documents())


def run() -> dict[str, Any]:
    mails.train()
    mails.evaluate()
    report: dict[str, Any] = json.loads(FILES.report.read_bytes())
    return report


def crown(**changes: Any) -> dict[str, Any]:
    """Make the present candidate the champion, by default as it is."""
    shutil.copytree(FILES.bundle, FILES.baseline_bundle, dirs_exist_ok=True)
    champion = {
        "version": 3,
        "bundle_hash": ModelBundle.load(FILES.bundle).hash,
        "bundle": str(FILES.baseline_bundle),
        "verified": True,
    } | changes
    write_bytes(FILES.baseline, readable_json({"champion": champion}))
    return champion


def test_two_runs_from_scratch_write_the_same_bytes() -> None:
    run()
    first = mails.written(*ALL)
    shutil.rmtree(FILES.root / "evaluation")
    run()
    assert mails.written(*ALL) == first
    assert len([name for name in first if "/plots/" in name]) == 5


def test_the_bundle_answers_held_out_rows_as_the_scores_say() -> None:
    report = run()
    spec = load_spec(MODEL)
    bundle = ModelBundle.load(FILES.bundle, expected_hash=report["bundle_hash"])
    held_out = read_labelled(FILES.held_out_rows, fields=spec.inputs)
    answers = bundle.predict(bundle.validate(held_out.rows))
    scores = read_scores(FILES.scores)
    assert scores.ids == held_out.ids
    assert [bundle.labels.index(answer.label) for answer in answers] == scores.candidate.decisions.tolist()
    np.testing.assert_array_equal([answer.probability for answer in answers], scores.candidate.probabilities[:, 1])
    right = np.mean(scores.candidate.decisions == held_out.labels)
    assert report["metrics"]["accuracy"]["value"] == pytest.approx(right)
    assert bundle.held_out_metrics["accuracy"] == pytest.approx(right)


def test_the_report_says_what_was_measured_on_what() -> None:
    report = run()
    assert report["data_hash"] == mails.DATA_HASH
    for name, measured in report["metrics"].items():
        assert measured["low"] <= measured["value"] <= measured["high"], name
    assert set(report["metrics"]) == set(METRICS)
    assert report["metrics"]["f1"]["value"] > 0.8
    assert report["reference"]["majority_accuracy"] < report["metrics"]["accuracy"]["value"]
    assert set(report["slices"]["team"]) == {"north", "south", "west", "(missing)"}
    assert sum(part["rows"] for part in report["slices"]["team"].values()) == report["rows"]["held_out"]["rows"]
    assert report["backtest"]["rows"]["later"] > 50
    assert report["backtest"]["metrics"]["f1"]["value"] > 0.8
    assert report["parameters"]["estimator.family"] == "logistic_regression"
    flat = json.loads(FILES.metrics.read_bytes())
    assert flat["backtest_f1"] == report["backtest"]["metrics"]["f1"]["value"]
    assert all(isinstance(value, float) for value in flat.values())


def test_golden_samples_cover_each_label_and_are_short() -> None:
    run()
    samples = ModelBundle.load(FILES.bundle).golden_samples
    assert len(samples) == 4
    assert {sample["label"] for sample in samples} == {"spam", "ham"}
    assert all(len(sample["inputs"]["body"]) <= 1_500 for sample in samples)


@pytest.mark.parametrize("name", ["model.skops", "bundle.json"])
def test_a_tampered_champion_is_refused(name: str) -> None:
    run()
    crown()
    file = FILES.baseline_bundle / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(InvalidBundle):
        mails.evaluate()


def test_a_bundle_whose_golden_samples_no_longer_agree_is_refused() -> None:
    run()
    manifest = json.loads((FILES.bundle / "bundle.json").read_bytes())
    manifest["golden_samples"][0]["probability"] += 0.001
    (FILES.bundle / "bundle.json").write_bytes(json.dumps(manifest).encode())
    with pytest.raises(InvalidBundle, match="Golden sample 0"):
        ModelBundle.load(FILES.bundle).prove()


def test_the_champion_is_scored_on_the_same_rows() -> None:
    run()
    champion = crown()
    words = {"blocks": [{"kind": "word_ngrams", "columns": ["body"]}]}
    mails.declare(estimator={"family": "multinomial_naive_bayes"}, features=words)
    report = run()
    scores = read_scores(FILES.scores)
    assert scores.champion is not None
    assert scores.compared.all()
    assert not np.array_equal(scores.candidate.probabilities, scores.champion.probabilities)
    shown = report["champion"]
    assert (shown["version"], shown["bundle_hash"]) == (3, champion["bundle_hash"])
    assert shown["rows"] == {"compared": len(scores.ids), "refused": 0}
    assert shown["candidate_metrics"] == report["metrics"]
    assert set(shown["differences"]) == set(METRICS)
    for name, paired in shown["differences"].items():
        assert paired["difference"] == pytest.approx(paired["candidate"] - paired["champion"]), name
        assert paired["low"] <= paired["difference"] <= paired["high"], name
    north = shown["slices"]["team"]["north"]
    assert north["rows"] == report["slices"]["team"]["north"]["rows"]
    assert north["differences"]["accuracy"]["candidate"] == pytest.approx(
        report["slices"]["team"]["north"]["metrics"]["accuracy"]["value"]
    )
    assert set(north["champion"]) == {"false_positive_rate", "false_negative_rate"}
    assert shown["metrics"]["accuracy"]["value"] == np.mean(scores.champion.decisions == scores.champion.labels)


def test_a_champion_abstains_from_rows_that_its_spec_refuses() -> None:
    inputs = mails.block()["inputs"]
    mails.declare(inputs={**inputs, "size": {"type": "number", "optional": True, "maximum": 100}})
    run()
    crown()
    mails.declare()
    documents = mails.documents()
    for document in documents[::2]:
        document["size"] = 500.0
    mails.ingest(documents)
    write_bytes(FILES.baseline, readable_json({"champion": champion_of_folder()}))
    report = run()
    scores = read_scores(FILES.scores)
    refused = int((~scores.compared).sum())
    assert refused > 0
    assert report["champion"]["rows"] == {"compared": len(scores.ids) - refused, "refused": refused}
    assert len(scores.candidate_where_compared) == len(scores.champion or ())


def champion_of_folder() -> dict[str, Any]:
    loaded = ModelBundle.load(FILES.baseline_bundle)
    return {"version": 3, "bundle_hash": loaded.hash, "bundle": str(FILES.baseline_bundle), "verified": True}


def test_a_champion_of_other_labels_is_reported_as_not_comparable() -> None:
    run()
    crown()
    documents = [document | {"kind": {"spam": "junk"}.get(document["kind"], "ham")} for document in mails.documents()]
    mails.declare(target={"field": "kind", "labels": ["junk", "ham"], "positive": "junk"})
    mails.ingest(documents)
    write_bytes(FILES.baseline, readable_json({"champion": champion_of_folder()}))
    report = run()
    assert report["champion"]["comparable"] is False
    assert read_scores(FILES.scores).champion is None


def test_a_backtest_whose_requirement_cannot_be_met_is_a_finding() -> None:
    documents = mails.documents()
    generator = np.random.default_rng(0)
    for document in documents:
        if document["sent_at"] < mails.START:
            document["kind"] = str(generator.choice(["spam", "ham"]))
    mails.ingest(documents)
    mails.declare(decision={"require": {"precision": 0.7, "recall": 0.4}})
    report = run()
    assert report["backtest"]["metrics"] == {}
    assert "precision ≥ 0.7" in report["backtest"]["unreachable"]


def test_a_multi_class_model_has_no_threshold_and_every_plot() -> None:
    documents = mails.documents()
    for number, document in enumerate(documents):
        if number % 4 == 0:
            document["kind"] = "other"
            document["body"] = f"minutes agenda room {document['body']}"
    mails.declare(target={"field": "kind", "labels": ["spam", "ham", "other"]})
    mails.ingest(documents)
    report = run()
    assert report["threshold"] is None
    assert report["metrics"]["f1"]["value"] > 0.7
    answer = ModelBundle.load(FILES.bundle).golden_samples[0]
    assert answer["label"] in {"spam", "ham", "other"}
    plots = {path.stem: json.loads(path.read_bytes()) for path in FILES.plots.glob("*.json")}
    assert {record["label"] for record in plots["roc"]} == {"spam", "ham", "other"}
    assert list(plots["threshold"][0]) == ["threshold", "accuracy", "coverage"]


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("promotion", {"mode": "auto", "metric": "f1", "floors": {"accuracy": 0.5}}),
        ("contract", {"minimum_rows": 7}),
        ("source", {"collection": "elsewhere"}),
    ],
)
def test_a_section_that_is_not_declared_changes_no_byte(section: str, value: dict[str, Any]) -> None:
    run()
    before = mails.written(*ALL)
    mails.declare(**{section: value})
    run()
    assert mails.written(*ALL) == before
