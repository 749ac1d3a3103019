"""`ModelBundle`: what evaluation scores and what serving serves, loaded from two files whose hash is proven.

A bundle is compiled when it is loaded, and then needs no scikit-learn; what does not compile runs as the pipeline.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ml_pipeline.bundle.compiled.contributions import MemberContributions
from ml_pipeline.bundle.compiled.errors import NotCompilable
from ml_pipeline.bundle.compiled.scorer import CompiledScorer, compile_scorer
from ml_pipeline.bundle.explaining import Explanation, explain_exactly
from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.bundle.permutation import explain_by_asking
from ml_pipeline.canonical import sha256_hex
from ml_pipeline.errors import CodesoftError, InvalidBundle
from ml_pipeline.inputs import Row, RowValidator
from ml_pipeline.learning.recalibration import Recalibration
from ml_pipeline.spec import Features, InputField, Serving, Target

if TYPE_CHECKING:
    from ml_pipeline.bundle.pipeline import Pipeline

FORMAT = 1
TOLERANCE = 1e-9

_INPUTS: TypeAdapter[dict[str, InputField]] = TypeAdapter(dict[str, InputField])


class Answer(NamedTuple):
    """One prediction. `probability` is that of the positive class (binary) or of `label` (multi-class)."""

    label: str
    probability: float
    threshold: float | None
    probabilities: dict[str, float] | None = None
    warnings: tuple[str, ...] = ()


class Scorer(Protocol):
    """From checked rows to probabilities: compiled, or the scikit-learn pipeline."""

    def probabilities(self, rows: Sequence[Row]) -> list[list[float]]: ...

    def unknown(self, row: Row) -> list[str]: ...


class ModelBundle:
    """An approved or candidate version in memory: immutable once proven, safe to share between threads."""

    def __init__(self, manifest: Mapping[str, Any], bundle_hash: str, read_model: Callable[[], bytes]) -> None:
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
        self.recalibrations = _recalibrations(manifest)
        self.held_out_metrics: dict[str, float] = manifest["held_out"]
        self.golden_samples: list[dict[str, Any]] = manifest["golden_samples"]
        self.scorer_note: str | None = None
        self._features = Features.model_validate(spec["features"])
        self._cleaning: dict[str, list[str]] = spec["cleaning"]
        self._validator = RowValidator(self.inputs)
        self._read_model = read_model
        self._loading = threading.Lock()
        self._pipeline: Pipeline | None = None
        self._compiled = self._compile()
        self._scorer: Scorer = self._compiled or self.pipeline

    @classmethod
    def load(cls, folder: Path, *, expected_hash: str | None = None) -> Self:
        """The bundle in `folder`, its hash recomputed and compared, its golden samples not yet proven."""
        return cls._checked(
            _read(folder / MANIFEST_FILE), lambda: _read(folder / MODEL_FILE), expected_hash=expected_hash
        )

    @classmethod
    def from_bytes(cls, manifest: bytes, model: bytes, *, expected_hash: str | None = None) -> Self:
        """The bundle in two files' bytes. Nothing is read from `model` before both hashes agree."""
        return cls._checked(manifest, lambda: model, expected_hash=expected_hash)

    @classmethod
    def _checked(cls, manifest: bytes, read_model: Callable[[], bytes], *, expected_hash: str | None) -> Self:
        bundle_hash = sha256_hex(manifest)
        if expected_hash not in (None, bundle_hash):
            raise InvalidBundle(f"The bundle's hash is {bundle_hash}, not {expected_hash} as expected.")
        try:
            content = json.loads(manifest)
            if content["format"] != FORMAT:
                raise InvalidBundle(f"Bundle format {content['format']} is not {FORMAT}, the one that is understood.")
            expected = content["skops_sha256"]
            return cls(content, bundle_hash, lambda: _verified(read_model(), expected))
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise InvalidBundle(f"The bundle's manifest cannot be read: {error}.") from error

    @property
    def scorer(self) -> Literal["compiled", "pipeline"]:
        """What answers. `scorer_note` says why it is the pipeline."""
        return "pipeline" if self._compiled is None else "compiled"

    @property
    def pipeline(self) -> "Pipeline":
        """The scikit-learn pipeline, loaded when it is first asked for: that takes about a second."""
        with self._loading:
            if self._pipeline is None:
                from ml_pipeline.bundle.pipeline import Pipeline  # noqa: PLC0415 - scikit-learn: seconds, 100 MB

                self._pipeline = Pipeline(self._read_model(), self._features, self._cleaning, self.recalibrations)
            return self._pipeline

    def use_pipeline(self, note: str) -> None:
        """Answer by the pipeline from now on. For who loads a bundle, before anybody else has it."""
        self._scorer, self._compiled, self.scorer_note = self.pipeline, None, note

    def validate(self, rows: Sequence[object]) -> list[Row]:
        """Rows checked against the input spec; InvalidInputs names every bad field of every bad row."""
        return self._validator.validate(rows)

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer a checked row, in order. A batch takes the same path as one row."""
        return self._answers(self._scorer, rows)

    def predict_by_pipeline(self, rows: Sequence[Row]) -> list[Answer]:
        """What the scikit-learn pipeline answers: what compiled answers are compared with."""
        return self._answers(self.pipeline, rows)

    def probabilities(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """Probabilities (rows × labels, in the order of `labels`)."""
        return np.array(self._scorer.probabilities(rows), dtype=np.float64).reshape(len(rows), len(self.labels))

    def contributions(self, row: Row) -> list[MemberContributions] | None:
        """What each n-gram and field of a checked row added to the decision, exactly; None where not compiled."""
        return None if self._compiled is None else self._compiled.contributions(row)[1]

    def explain(self, rows: Sequence[Row]) -> list[tuple[Answer, Explanation]]:
        """Each checked row's answer, and what pushed it: exact where compiled, else by asking again and again."""
        if self._compiled is not None:
            return [self._explained_exactly(self._compiled, row) for row in rows]
        return [
            (answer, self._explained_by_asking(row, answer))
            for row, answer in zip(rows, self.predict(rows), strict=True)
        ]

    def _explained_exactly(self, scorer: CompiledScorer, row: Row) -> tuple[Answer, Explanation]:
        line, members = scorer.contributions(row)
        answer = self._answer(line, self._warnings(row, scorer))
        explanation = explain_exactly(members, probability=answer.probability, threshold=answer.threshold)
        return answer, explanation

    def _explained_by_asking(self, row: Row, answer: Answer) -> Explanation:
        column = 1 if answer.threshold is not None else self.labels.index(answer.label)
        return explain_by_asking(
            lambda rows: [line[column] for line in self._scorer.probabilities(rows)],
            row,
            inputs=self.inputs,
            samples=self.validate([sample["inputs"] for sample in self.golden_samples]),
            label=self.labels[column],
            threshold=answer.threshold,
        )

    def prove(self) -> None:
        """Raise InvalidBundle unless every golden sample gets the answer that was recorded when it was built.

        The pipeline gave those answers: where compiled ones differ, the bundle answers by the pipeline from now on.
        """
        if self._compiled is not None:
            if (difference := self._difference(self._compiled)) is None:
                return
            self.use_pipeline(f"compiled, it answers otherwise: {difference.message}")
        self.prove_pipeline()

    def prove_pipeline(self) -> None:
        """Raise InvalidBundle unless the model file loads as a pipeline, and that gives the recorded answers."""
        if (difference := self._difference(self.pipeline)) is not None:
            raise difference

    def _compile(self) -> CompiledScorer | None:
        if note := self.manifest.get("not_compiled"):
            self.scorer_note = note
            return None
        try:
            return compile_scorer(self._read_model(), self._features, self._cleaning, self.labels, self.recalibrations)
        except NotCompilable as reason:
            self.scorer_note = str(reason)
            return None

    def _difference(self, scorer: Scorer) -> InvalidBundle | None:
        """How the answers to the golden samples differ from the recorded ones."""
        try:
            answers = self._answers(scorer, self.validate([sample["inputs"] for sample in self.golden_samples]))
        except CodesoftError as error:
            return InvalidBundle(f"A golden sample of {self.model} can no longer be scored: {error}")
        for number, (sample, answer) in enumerate(zip(self.golden_samples, answers, strict=True)):
            if answer.label != sample["label"] or not _close(answer.probability, sample["probability"]):
                return InvalidBundle(
                    f"Golden sample {number} of {self.model} answers {answer.label} {answer.probability!r}, "
                    f"recorded was {sample['label']} {sample['probability']!r}.",
                    advice="The libraries or the code differ from those it was built with.",
                    details={"sample": number},
                )
        return None

    def _answers(self, scorer: Scorer, rows: Sequence[Row]) -> list[Answer]:
        if not rows:
            return []
        return [
            self._answer(line, self._warnings(row, scorer))
            for row, line in zip(rows, scorer.probabilities(rows), strict=True)
        ]

    def _answer(self, line: Sequence[float], warnings: tuple[str, ...]) -> Answer:
        return self._multiclass(line, warnings) if self.threshold is None else self._binary(line, warnings)

    def _binary(self, line: Sequence[float], warnings: tuple[str, ...]) -> Answer:
        probability, threshold = line[1], self.threshold
        label = self.labels[threshold is not None and probability >= threshold]
        return Answer(label, probability, threshold, None, warnings)

    def _multiclass(self, line: Sequence[float], warnings: tuple[str, ...]) -> Answer:
        probability = max(line)
        return Answer(
            self.labels[line.index(probability)], probability, None, dict(zip(self.labels, line, strict=True)), warnings
        )

    @staticmethod
    def _warnings(row: Row, scorer: Scorer) -> tuple[str, ...]:
        if not (unknown := scorer.unknown(row)):
            return ()
        return tuple(
            f"{field}: {row[field]!r} was not seen in training and scores as unknown."
            for field in unknown
            if row[field] is not None
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidBundle(f"The bundle in {path.parent.name} is not complete: {error.strerror}.") from error


def _recalibrations(manifest: Mapping[str, Any]) -> tuple[Recalibration, ...]:
    """What puts the probabilities right after the fit, in turn, as the manifest names it; most name nothing."""
    told = manifest.get("recalibrations", [])
    found = tuple([Recalibration(float(one["slope"]), float(one["intercept"])) for one in told])
    if found and (manifest["threshold"] is None or not all(one.is_increasing for one in found)):
        raise InvalidBundle(f"A model is not recalibrated by {told}: two labels and slopes above 0 are needed.")
    return found


def _verified(model: bytes, expected: str) -> bytes:
    if sha256_hex(model) != expected:
        raise InvalidBundle("The bundle's model file is not the one that its manifest names.")
    return model


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE
