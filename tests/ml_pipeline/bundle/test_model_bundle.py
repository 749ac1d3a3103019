"""A bundle in memory: what answers, what proves it, and what a web process need not load for it."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ml_pipeline.bundle.agreement import compare_scorers
from ml_pipeline.bundle.compiled.scorer import CompiledScorer
from ml_pipeline.bundle.files import write_bundle
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.bundle.writing import without_compiling
from ml_pipeline.canonical import canonical_json, sha256_hex
from ml_pipeline.environment import PROJECT_ROOT
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.inputs import Row
from ml_pipeline.learning.estimators import build_estimator
from ml_pipeline.learning.recalibration import Recalibration
from ml_pipeline.spec import Estimator
from tests.bundles import BundleFiles, build_bundle, build_wine_bundle

MODELS = ("sentiment", "spam", "mortgage")
HEAVY = ("sklearn", "scipy", "skops", "pandas", "joblib")
IN_A_FRESH_PROCESS = f"""
import sys
from pathlib import Path
from ml_pipeline.bundle.model_bundle import ModelBundle
for folder in sys.argv[1:]:
    bundle = ModelBundle.load(Path(folder))
    bundle.prove()
    rows = bundle.validate([sample["inputs"] for sample in bundle.golden_samples])
    assert bundle.predict(rows) and bundle.contributions(rows[0]), folder
print([name for name in {HEAVY} if name in sys.modules])
"""


@cache
def forest() -> BundleFiles:
    """The wines' bundle with an estimator that does not compile."""
    from ml_pipeline.bundle import skops_files

    manifest, fitted = build_wine_bundle()
    wine = ModelBundle.from_bytes(manifest, fitted)
    rows = wine.validate([sample["inputs"] for sample in wine.golden_samples])
    pipeline = wine.pipeline
    estimator = build_estimator(Estimator(family="random_forest", params={"n_estimators": 3}))
    estimator.fit(pipeline.encoder.transform(rows), [wine.labels.index(one["label"]) for one in wine.golden_samples])
    other = skops_files.dump({"encoder": pipeline.encoder.state(), "estimator": estimator})
    content = {**json.loads(manifest), "skops_sha256": sha256_hex(other), "golden_samples": []}
    return canonical_json(content), other


def off_by(monkeypatch: pytest.MonkeyPatch, difference: float) -> None:
    """Compiled scorers whose probabilities are wrong by so much."""
    right = CompiledScorer.probabilities

    def wrong(self: CompiledScorer, rows: list[Row]) -> list[list[float]]:
        return [[line[0] - difference, *line[1:-1], line[-1] + difference] for line in right(self, rows)]

    monkeypatch.setattr(CompiledScorer, "probabilities", wrong)


def test_a_process_that_predicts_with_all_bundled_models_loads_no_scikit_learn(tmp_path: Path) -> None:
    folders = [tmp_path / model for model in MODELS]
    for folder in folders:
        write_bundle(folder, *build_bundle(folder.name))
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, *map(str, folders)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@pytest.mark.parametrize("files", [build_bundle("mortgage"), build_wine_bundle()], ids=["binary", "multi-class"])
def test_compiled_answers_are_the_pipelines(files: BundleFiles) -> None:
    bundle = ModelBundle.from_bytes(*files)
    rows = bundle.validate([sample["inputs"] for sample in bundle.golden_samples])
    compiled, piped = bundle.predict(rows), bundle.predict_by_pipeline(rows)
    assert bundle.scorer == "compiled"
    assert [one.label for one in compiled] == [one.label for one in piped]
    np.testing.assert_allclose([one.probability for one in compiled], [one.probability for one in piped], atol=1e-12)
    assert bundle.probabilities([]).shape == (0, len(bundle.labels))


def test_recorded_answers_are_the_pipelines_whatever_the_compiled_scorer_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml_pipeline.bundle.writing import with_threshold

    manifest, fitted = build_bundle("mortgage")
    off_by(monkeypatch, 0.1)
    again = json.loads(with_threshold(manifest, fitted, json.loads(manifest)["threshold"]))
    assert again["golden_samples"] == json.loads(manifest)["golden_samples"]


@pytest.mark.parametrize("model", MODELS)
def test_a_recalibrated_bundle_decides_alike_and_explains_its_other_probabilities(model: str) -> None:
    from ml_pipeline.bundle.writing import with_recalibration

    manifest, fitted = build_bundle(model)
    once = with_recalibration(manifest, fitted, Recalibration(0.6, 0.4))
    old, new = ModelBundle.from_bytes(manifest, fitted), ModelBundle.from_bytes(once, fitted)
    new.prove()
    rows = new.validate([sample["inputs"] for sample in new.golden_samples])
    before, after, piped = old.predict(rows), new.predict(rows), new.predict_by_pipeline(rows)
    assert new.scorer == "compiled"
    assert [one.label for one in after] == [one.label for one in before]
    np.testing.assert_allclose([one.probability for one in after], [one.probability for one in piped], atol=1e-12)
    for row, answer in zip(rows, after, strict=True):
        ((_, explained),) = new.explain([row])
        added = explained.baseline + sum(part.points for part in explained.parts) + explained.rest
        assert added == pytest.approx(answer.probability, abs=1e-9)


def test_a_recalibration_that_no_longer_tells_probabilities_apart_is_refused() -> None:
    from ml_pipeline.bundle.writing import with_recalibration

    with pytest.raises(InvalidBundle, match="not told apart"):
        with_recalibration(*build_bundle("mortgage"), Recalibration(1.0, 30.0))


def test_what_is_no_recalibration_is_an_invalid_bundle() -> None:
    for files, told in ((build_bundle("mortgage"), {"slope": -1.0, "intercept": 0.0}),
                        (build_wine_bundle(), {"slope": 1.0, "intercept": 0.5})):  # fmt: skip
        content = {**json.loads(files[0]), "recalibrations": [told]}
        with pytest.raises(InvalidBundle, match="recalibrated"):
            ModelBundle.from_bytes(canonical_json(content), files[1])


def test_a_compiled_scorer_that_differs_is_replaced_by_the_pipeline_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off_by(monkeypatch, 2e-9)
    bundle = ModelBundle.from_bytes(*build_bundle("sentiment"))
    bundle.prove()
    assert bundle.scorer == "pipeline"
    assert "recorded was" in str(bundle.scorer_note)
    assert bundle.contributions(bundle.validate([bundle.golden_samples[0]["inputs"]])[0]) is None
    bundle.prove()


def test_a_recording_that_neither_scorer_gives_is_an_invalid_bundle() -> None:
    manifest, fitted = build_bundle("sentiment")
    content = json.loads(manifest)
    content["golden_samples"][0]["probability"] += 1e-6
    with pytest.raises(InvalidBundle, match="Golden sample 0"):
        ModelBundle.from_bytes(canonical_json(content), fitted).prove()


def test_what_does_not_compile_answers_by_the_pipeline_and_says_why() -> None:
    bundle = ModelBundle.from_bytes(*forest())
    assert (bundle.scorer, bundle.scorer_note) == ("pipeline", "RandomForestClassifier is not linear")
    assert len(bundle.predict(bundle.validate([{"alcohol": 13.0}]))) == 1


def test_a_difference_on_held_out_rows_keeps_a_bundle_from_being_compiled_ever_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest, fitted = build_bundle("mortgage")
    bundle = ModelBundle.from_bytes(manifest, fitted)
    rows = bundle.validate([sample["inputs"] for sample in bundle.golden_samples])
    agreed = compare_scorers(bundle, rows)
    assert (agreed["scorer"], agreed["note"], agreed["rows"]) == ("compiled", None, len(rows))
    off_by(monkeypatch, 1e-8)
    differing = compare_scorers(bundle, rows)
    assert (differing["scorer"], differing["largest_difference"]) == ("pipeline", 1e-8)
    marked = ModelBundle.from_bytes(without_compiling(manifest, differing["note"]), fitted)
    assert (marked.scorer, marked.scorer_note) == ("pipeline", differing["note"])
