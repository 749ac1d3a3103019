import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.errors import InvalidSpec
from ml_pipeline.experiment.judging import TrainingRows, judge
from ml_pipeline.experiment.reporting import winner_block
from ml_pipeline.experiment.search import Candidate, fingerprint, ordered, search, with_sections
from ml_pipeline.experiment.space import families_for
from ml_pipeline.params import load_spec
from ml_pipeline.spec import ModelSpec

MODEL = "mortgage"


@pytest.fixture(scope="module")
def declared() -> ModelSpec:
    """The declared model with few folds, so that a search takes seconds."""
    spec = load_spec(MODEL, PROJECT_ROOT / "params.yaml")
    return with_sections(MODEL, spec, {"decision": {**spec.decision.model_dump(exclude_defaults=True), "folds": 3}})


@pytest.fixture(scope="module")
def training(declared: ModelSpec) -> TrainingRows:
    """Invented applications in which a high debt and a bad record lead to a denial, most of the time."""
    random = np.random.default_rng(7)
    rows, labels = [], []
    for _ in range(240):
        row = dict.fromkeys(declared.inputs)
        row |= {
            "debt_to_income": float(random.uniform(0.1, 0.8)),
            "housing_to_income": float(random.uniform(0.1, 0.5)),
            "loan_to_value": float(random.uniform(0.3, 1.0)),
            "unemployment_rate": float(random.uniform(2, 9)),
            "consumer_credit_score": int(random.integers(1, 7)),
            "mortgage_credit_score": int(random.integers(1, 5)),
            "public_bad_credit_record": "yes" if random.random() < 0.3 else "no",
        }
        rows.append(row)
        risk = row["debt_to_income"] + (0.4 if row["public_bad_credit_record"] == "yes" else 0.0)
        labels.append(int(risk + random.normal(0, 0.1) > 0.75))
    return TrainingRows.grouped(rows, np.array(labels), declared)


def searched(spec: ModelSpec, training: TrainingRows) -> list[Candidate]:
    bounds = {"families": families_for(spec), "trials": 3, "seconds": None, "seed": 3}
    return search(MODEL, spec, training, **bounds, on_judged=lambda _candidate: None).candidates


@pytest.fixture(scope="module")
def candidates(declared: ModelSpec, training: TrainingRows) -> list[Candidate]:
    return searched(declared, training)


def test_the_same_seed_tries_the_same_recipes(
    declared: ModelSpec, training: TrainingRows, candidates: list[Candidate]
) -> None:
    again = searched(declared, training)
    assert {fingerprint(item.spec) for item in again} == {fingerprint(item.spec) for item in candidates}
    assert len(candidates) > 1


def test_candidates_stand_by_the_declared_objective_and_the_declared_recipe_among_them(
    candidates: list[Candidate],
) -> None:
    costs = [candidate.judgement.metrics["expected_cost"][0] for candidate in candidates]
    assert costs == sorted(costs)
    assert [candidate.number for candidate in candidates].count(None) == 1
    by_f1 = ordered([replace(item, spec=_for_f1(item.spec)) for item in candidates])
    values = [candidate.objective for candidate in by_f1]
    assert values == sorted(values, reverse=True)


def _for_f1(spec: ModelSpec) -> ModelSpec:
    return with_sections(MODEL, spec, {"decision": {"objective": "f1"}})


def test_the_winners_block_is_accepted_in_params_yaml(declared: ModelSpec, candidates: list[Candidate]) -> None:
    winner = candidates[0]
    accepted = with_sections(MODEL, declared, YAML(typ="safe").load(winner_block(MODEL, declared, winner)))
    assert fingerprint(accepted) == fingerprint(winner.spec)
    assert accepted.decision == winner.spec.decision


def test_the_threshold_is_not_tuned_on_the_rows_it_is_judged_on(declared: ModelSpec) -> None:
    """On labels without any signal, a threshold tuned on the judged rows would look better than no denial at all."""
    random = np.random.default_rng(1)
    rows = [dict.fromkeys(declared.inputs) | {"debt_to_income": float(x)} for x in random.uniform(0.1, 0.9, 300)]
    blocks = {"blocks": [{"kind": "numeric", "columns": ["debt_to_income"]}]}
    spec = with_sections(MODEL, declared, {"features": blocks, "decision": {"objective": "cost", "folds": 5}})
    labels = (random.random(300) < 0.3).astype(int)
    found = judge(spec, TrainingRows.grouped(rows, labels, spec)).metrics["expected_cost"][0]
    assert found >= labels.mean() - 1e-9


def test_families_suit_the_inputs() -> None:
    params = PROJECT_ROOT / "params.yaml"
    assert "random_forest" in families_for(load_spec("mortgage", params))
    assert families_for(load_spec("sentiment", params)) == [
        "logistic_regression",
        "ridge",
        "linear_svm",
        "multinomial_naive_bayes",
        "voting",
    ]


def test_a_recipe_is_not_rewarded_for_recognising_copies() -> None:
    """Labels are chance, and each text stands there five times with another number: memory would always be right."""
    random = np.random.default_rng(3)
    words = [f"word{number}" for number in range(2_000)]
    texts = [" ".join(random.choice(words, 40)) for _ in range(60)]
    spec = load_spec("sentiment", PROJECT_ROOT / "params.yaml")
    blocks = {"blocks": [{"kind": "word_ngrams", "columns": ["text"]}]}
    nearest = {"family": "nearest_neighbors", "params": {"n_neighbors": 1}}
    spec = with_sections("sentiment", spec, {"cleaning": {}, "features": blocks, "estimator": nearest})
    rows = [{"text": f"{text} {copy}"} for text in texts for copy in range(5)]
    labels = np.repeat((random.random(60) < 0.5).astype(int), 5)
    assert judge(spec, TrainingRows.grouped(rows, labels, spec)).metrics["accuracy"][0] < 0.75


def test_a_block_that_the_spec_refuses_is_an_error(declared: ModelSpec) -> None:
    with pytest.raises(InvalidSpec, match="no_such_input"):
        with_sections(MODEL, declared, {"features": {"blocks": [{"kind": "numeric", "columns": ["no_such_input"]}]}})


def test_the_command_searches_tracks_and_leaves_a_leaderboard(tmp_path: Path) -> None:
    for name in ("params.yaml", "data"):
        (tmp_path / name).symlink_to(PROJECT_ROOT / name)
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT), "VAR_DIR": str(tmp_path / "var")}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", *command]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    early = run("ml_pipeline.experiment", MODEL)
    assert early.returncode == 1
    assert "dvc repro preprocessing@mortgage" in early.stderr
    for stage in ("ingestion", "preprocessing"):
        assert run(f"ml_pipeline.stages.{stage}", MODEL).returncode == 0
    unsuitable = run("ml_pipeline.experiment", MODEL, "--families", "multinomial_naive_bayes")
    assert unsuitable.returncode == 1
    assert "Name some of: logistic_regression" in unsuitable.stderr
    done = run("ml_pipeline.experiment", MODEL, "--trials", "3", "--families", "logistic_regression")
    assert done.returncode == 0, done.stderr
    assert "(declared)" in done.stdout
    assert "estimator:" in done.stdout
    folder = tmp_path / "var" / "experiments" / MODEL
    assert (folder / "leaderboard.png").read_bytes().startswith(b"\x89PNG")
    judged = json.loads((folder / "leaderboard.json").read_bytes())
    assert {one["estimator"]["family"] for one in judged["candidates"]} == {"logistic_regression"}
    assert len(judged["candidates"]) + judged["pruned"] + judged["impossible"] == 4
    query = "from mlflow import MlflowClient as C; c = C(tracking_uri=%r); e = c.get_experiment_by_name(%r)\n"
    query += "print(len(c.search_runs([e.experiment_id], \"tags.`mlflow.parentRunId` != ''\")))"
    uri = f"sqlite:///{tmp_path / 'var' / 'mlflow' / 'mlflow.db'}"
    nested = subprocess.run(
        [sys.executable, "-c", query % (uri, "codesoft/mortgage/search")], capture_output=True, text=True, check=True
    )
    assert int(nested.stdout) == len(judged["candidates"])
