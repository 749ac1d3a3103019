"""`ModelBundle`: what evaluation scores and what serving serves, loaded from two files whose hash is proven."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ml_pipeline.bundle import skops_files
from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.canonical import sha256_hex
from ml_pipeline.errors import CodesoftError, InvalidBundle
from ml_pipeline.inputs import Row, validate_rows
from ml_pipeline.learning.encoding import Encoder
from ml_pipeline.spec import Features, InputField, Serving, Target

FORMAT = 1
GOLDEN_TOLERANCE = 1e-9

_INPUTS: TypeAdapter[dict[str, InputField]] = TypeAdapter(dict[str, InputField])


@dataclass(frozen=True, slots=True)
class Answer:
    """One prediction. `probability` is that of the positive class (binary) or of `label` (multi-class)."""

    label: str
    probability: float
    threshold: float | None
    probabilities: dict[str, float] | None = None
    warnings: tuple[str, ...] = ()


class ModelBundle:
    """An approved or candidate version in memory: immutable, safe to share between threads."""

    def __init__(self, manifest: Mapping[str, Any], bundle_hash: str, encoder: Encoder, estimator: Any) -> None:
        spec = manifest["spec"]
        self.hash = bundle_hash
        self.manifest = manifest
        self.model: str = manifest["model"]
        self.title: str = spec["about"]["title"]
        self.description: str = spec["about"]["description"]
        inputs = _INPUTS.validate_python(spec["inputs"])
        self.inputs = {name: inputs[name] for name in manifest["input_order"]}
        self.attributes = _INPUTS.validate_python(spec["attributes"])
        self.target = Target.model_validate(spec["target"])
        self.serving = Serving.model_validate(spec["serving"])
        self.threshold: float | None = manifest["threshold"]
        self.labels: tuple[str, ...] = tuple(manifest["labels"])
        self.held_out_metrics: dict[str, float] = manifest["held_out"]
        self.golden_samples: list[dict[str, Any]] = manifest["golden_samples"]
        self._encoder = encoder
        self._estimator = estimator

    @classmethod
    def load(cls, folder: Path, *, expected_hash: str | None = None) -> Self:
        """The bundle in `folder`, its hash recomputed and compared, its golden samples not yet proven."""
        try:
            manifest, model = (folder / MANIFEST_FILE).read_bytes(), (folder / MODEL_FILE).read_bytes()
        except OSError as error:
            raise InvalidBundle(f"The bundle in {folder.name} is not complete: {error.strerror}.") from error
        return cls.from_bytes(manifest, model, expected_hash=expected_hash)

    @classmethod
    def from_bytes(cls, manifest: bytes, model: bytes, *, expected_hash: str | None = None) -> Self:
        """The bundle in two files' bytes. Nothing is read from `model` before both hashes agree."""
        bundle_hash = sha256_hex(manifest)
        if expected_hash not in (None, bundle_hash):
            raise InvalidBundle(f"The bundle's hash is {bundle_hash}, not {expected_hash} as expected.")
        try:
            content = json.loads(manifest)
            if content["format"] != FORMAT:
                raise InvalidBundle(f"Bundle format {content['format']} is not {FORMAT}, the one that is understood.")
            if sha256_hex(model) != content["skops_sha256"]:
                raise InvalidBundle("The bundle's model file is not the one that its manifest names.")
            fitted = skops_files.load(model)
            features = Features.model_validate(content["spec"]["features"])
            encoder = Encoder.restored(features.blocks, content["spec"]["cleaning"], fitted["encoder"])
            return cls(content, bundle_hash, encoder, fitted["estimator"])
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise InvalidBundle(f"The bundle's manifest cannot be read: {error}.") from error

    def validate(self, rows: Sequence[object]) -> list[Row]:
        """Rows checked against the input spec; InvalidInputs names every bad field of every bad row."""
        return validate_rows(self.inputs, rows)

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer a checked row, in order. A batch takes the same path as one row."""
        if not rows:
            return []
        probabilities = self.probabilities(rows)
        return [self._answer(row, line) for row, line in zip(rows, probabilities, strict=True)]

    def probabilities(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Probabilities (rows × labels, in the order of `labels`)."""
        matrix = self._encoder.transform(self._encoder.clean(rows))
        return np.asarray(self._estimator.predict_proba(matrix), dtype=np.float64)

    def prove(self) -> None:
        """Raise InvalidBundle unless every golden sample gets the answer that was recorded when it was built."""
        try:
            answers = self.predict(self.validate([sample["inputs"] for sample in self.golden_samples]))
        except CodesoftError as error:
            raise InvalidBundle(f"A golden sample of {self.model} can no longer be scored: {error}") from error
        for number, (sample, answer) in enumerate(zip(self.golden_samples, answers, strict=True)):
            if answer.label != sample["label"] or not _close(answer.probability, sample["probability"]):
                raise InvalidBundle(
                    f"Golden sample {number} of {self.model} answers {answer.label} {answer.probability!r}, "
                    f"recorded was {sample['label']} {sample['probability']!r}.",
                    advice="The libraries or the code differ from those it was built with.",
                    details={"sample": number},
                )

    def _answer(self, row: Row, line: NDArray[np.float64]) -> Answer:
        warnings = tuple(
            f"{field}: {row[field]!r} was not seen in training and scores as unknown."
            for field in self._encoder.unknown(row)
            if row[field] is not None
        )
        if self.threshold is not None:
            probability = float(line[1])
            label = self.labels[1] if probability >= self.threshold else self.labels[0]
            return Answer(label, probability, self.threshold, warnings=warnings)
        best = int(line.argmax())
        by_label = dict(zip(self.labels, map(float, line), strict=True))
        return Answer(self.labels[best], by_label[self.labels[best]], None, by_label, warnings)


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= GOLDEN_TOLERANCE
