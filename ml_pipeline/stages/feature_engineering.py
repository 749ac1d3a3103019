"""Feature engineering: the encoder learns from training rows alone, and turns them into a matrix."""

from collections.abc import Mapping

import numpy as np

from ml_pipeline.bundle import skops_files
from ml_pipeline.canonical import write_bytes
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.learning.matrix_files import write_matrix
from ml_pipeline.learning.threads import single_threaded
from ml_pipeline.params import load_spec
from ml_pipeline.paths import Artifacts
from ml_pipeline.rows import read_labelled
from ml_pipeline.spec import Features, InputField
from ml_pipeline.stages.command import run_stage


def engineer(
    files: Artifacts, *, inputs: Mapping[str, InputField], cleaning: Mapping[str, tuple[str, ...]], features: Features
) -> None:
    """Fit the encoder to the training rows; write it and their matrix."""
    training = read_labelled(files.training_rows, fields=inputs)
    with single_threaded():
        encoder = Encoder(features.blocks, cleaning)
        matrix = encoder.fit_transform(training.rows)
    write_bytes(files.encoder, skops_files.dump(encoder.state()))
    write_matrix(files.training_matrix, matrix, np.array(training.labels, dtype=np.int64))


def run(model: str) -> None:
    """Fit the encoder of MODEL to its training rows and write their feature matrix."""
    spec = load_spec(model)
    engineer(Artifacts(model), inputs=spec.inputs, cleaning=spec.cleaning, features=spec.features)


if __name__ == "__main__":
    run_stage("feature_engineering", run)
