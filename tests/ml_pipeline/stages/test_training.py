"""What feature engineering and model building leave behind, and what may not reach them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from ml_pipeline.bundle import skops_files
from ml_pipeline.errors import InvalidSpec, NotEnoughData, UnreachableRequirement
from ml_pipeline.learning.matrix_files import read_matrix
from ml_pipeline.learning.splitting import is_held_out
from ml_pipeline.params import load_spec
from ml_pipeline.rows import read_labelled
from ml_pipeline.stages import model_building
from tests.ml_pipeline.stages import mails
from tests.ml_pipeline.stages.mails import FILES, MODEL

RARE = {"kind": "word_ngrams", "columns": ["body"], "params": {"min_df": 999}}
TRAINED = ("feature_engineering", "model_building")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mails.declare()
    mails.ingest(mails.documents())


def test_held_out_rows_influence_no_trained_byte() -> None:
    mails.train()
    before = mails.written(*TRAINED) | {"rows": FILES.training_rows.read_bytes()}
    documents = mails.documents()
    training = next(document for document in documents if not is_held_out(document["_id"], 0.3))
    held_out = [document for document in documents if is_held_out(document["_id"], 0.3)]
    held_out[0] |= {"body": "wholly other words here", "size": 1e6, "kind": "spam"}
    held_out[1] |= {"body": training["body"], "size": training["size"], "kind": "ham", "sent_at": training["sent_at"]}
    held_out[2] |= {"body": training["body"], "size": training["size"], "kind": "spam", "sent_at": training["sent_at"]}
    mails.ingest(documents)
    mails.train()
    assert mails.written(*TRAINED) | {"rows": FILES.training_rows.read_bytes()} == before


def test_the_matrix_is_that_of_the_training_rows() -> None:
    mails.train()
    spec = load_spec(MODEL)
    matrix, labels = read_matrix(FILES.training_matrix)
    rows = read_labelled(FILES.training_rows, fields=spec.inputs)
    assert matrix.shape[0] == len(rows)
    assert labels.tolist() == rows.labels
    assert np.isfinite(csr_matrix(matrix).toarray()).all()


def test_a_requirement_holds_on_the_training_folds() -> None:
    mails.declare(decision={"objective": "accuracy", "require": {"recall": 0.97}})
    mails.train()
    threshold = json.loads(FILES.threshold.read_bytes())
    assert threshold["training_folds"]["recall"] >= 0.97
    assert 0 < threshold["threshold"] < 1
    assert threshold["curve"][0]["recall"] == 1.0


def test_an_unreachable_requirement_stops_the_run_and_leaves_no_model() -> None:
    mails.declare(decision={"require": {"precision": 1.0, "recall": 1.0}})
    with pytest.raises(UnreachableRequirement, match="recall ≥ 1"):
        mails.train()
    assert not FILES.estimator.exists()


def test_more_folds_than_rows_of_a_label_stop_the_run() -> None:
    documents = mails.documents()
    for number, document in enumerate(documents):
        document["kind"] = "spam" if number % 50 == 0 else "ham"
    mails.ingest(documents)
    with pytest.raises(NotEnoughData, match="folds need at least"):
        mails.train()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimator": {"family": "logistic_regression", "params": {"C": -1}}}, "estimator.params of"),
        ({"estimator": {"family": "nearest_neighbors", "params": {"algorithm": "kd_tree"}}}, "allows only"),
        ({"estimator": {"family": "gaussian_naive_bayes"}}, "cannot be fitted"),
        ({"features": {"blocks": [RARE]}}, "word_ngrams"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    mails.declare(**changes)
    with pytest.raises(InvalidSpec, match=message):
        mails.train()


def test_the_estimator_comes_back_from_its_file() -> None:
    mails.train()
    matrix, _ = read_matrix(FILES.training_matrix)
    loaded = skops_files.load(FILES.estimator.read_bytes())
    probabilities = loaded.predict_proba(matrix)
    model_building.run(MODEL)
    again = skops_files.load(FILES.estimator.read_bytes()).predict_proba(matrix)
    np.testing.assert_array_equal(probabilities, again)
