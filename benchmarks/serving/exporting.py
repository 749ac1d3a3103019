"""The live sentiment model as the peers take it: a scikit-learn pipeline, and the same as an MLflow model.

The pipeline is made of the bundle's own fitted parts. Its probabilities must be those of the bundle, or nothing starts.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow.sklearn
import numpy as np
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmarks.serving.texts import review_texts
from ml_pipeline.bundle.model_bundle import ModelBundle
from ml_pipeline.learning import cleaning
from ml_pipeline.learning.encoding import NgramBlock

MODEL = "sentiment"
PIPELINE_FILE = "model.pkl"
MLFLOW_FOLDER = "mlflow"
MLSERVER_FOLDER = "mlserver"
TOLERANCE = 1e-9


def export_model(state: Path, folder: Path) -> list[float]:
    """Write the pipeline's files into `folder`; the bundle's probabilities of the first texts, for comparison."""
    bundle = live_bundle(state)
    pipeline = as_pipeline(bundle)
    expected = _prove_equal(bundle, pipeline, review_texts())
    cloudpickle.register_pickle_by_value(cleaning)  # the peers know nothing of our packages
    shutil.rmtree(folder, ignore_errors=True)
    (folder / MLSERVER_FOLDER).mkdir(parents=True)
    content = cloudpickle.dumps(pipeline)
    (folder / PIPELINE_FILE).write_bytes(content)
    (folder / MLSERVER_FOLDER / "model.joblib").write_bytes(content)
    (folder / MLSERVER_FOLDER / "model-settings.json").write_text(json.dumps(_MLSERVER_SETTINGS))
    mlflow.sklearn.save_model(
        pipeline,
        folder / MLFLOW_FOLDER,
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
        pip_requirements=["scikit-learn"],
    )
    return expected


def live_bundle(state: Path) -> ModelBundle:
    """The newest bundle of the sentiment model in a prepared state folder."""
    manifests = sorted((state / "bundles").glob("*/bundle.json"), key=lambda path: path.stat().st_mtime)
    ours = [path.parent for path in manifests if json.loads(path.read_bytes())["model"] == MODEL]
    return ModelBundle.load(ours[-1], expected_hash=ours[-1].name)


def as_pipeline(bundle: ModelBundle) -> Pipeline:
    """Cleaning, vectorizers and classifier of a model that reads one text."""
    encoder = bundle.pipeline.encoder
    names = encoder._cleaning["text"]
    vectorizers = [
        (str(number), block._vectorizer) for number, block in enumerate(encoder.blocks) if isinstance(block, NgramBlock)
    ]
    return Pipeline(
        [
            ("clean", FunctionTransformer(_text_cleaner(cleaning.clean, names))),
            ("features", FeatureUnion(vectorizers)),
            ("classifier", bundle.pipeline.estimator),
        ]
    )


def _text_cleaner(clean: Callable[..., str], names: Sequence[str]) -> Callable[[Sequence[str]], list[str]]:
    """A closure, which is pickled by value: the peers cannot import this module."""

    def clean_texts(texts: Sequence[str]) -> list[str]:
        return [clean(text, names) for text in texts]

    return clean_texts


def _prove_equal(bundle: ModelBundle, pipeline: Any, texts: Sequence[str]) -> list[float]:
    expected = [answer.probability for answer in bundle.predict(bundle.validate([{"text": text} for text in texts]))]
    difference = float(np.abs(pipeline.predict_proba(list(texts))[:, 1] - expected).max())
    if difference > TOLERANCE:
        raise RuntimeError(f"The exported pipeline differs from the bundle by {difference}.")
    return expected


_MLSERVER_SETTINGS = {
    "name": MODEL,
    "implementation": "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": "./model.joblib"},
}
