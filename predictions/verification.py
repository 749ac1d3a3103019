"""A logged answer, asked again of the very bundle that gave it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_pipeline.inputs import jsonable
from predictions.errors import InputHashDiffers, InputsNotKept
from predictions.models import Prediction
from predictions.prediction_log.input_hash import input_hash
from predictions.serving.archive import archive

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer now, beside the logged one. `source` says whose inputs were asked: `kept` ones, or those `sent`."""

    agrees: bool
    source: str
    label: str
    probability: float


def verify(*, prediction: Prediction, inputs: Mapping[str, Any] | None = None) -> Verification:
    """Ask again, with `inputs` that must have the logged hash, or with those that the log kept.

    InputsNotKept, InputHashDiffers, InvalidInputs (what was sent), InvalidBundle and VerifierBusy say why not.
    """
    asked = prediction.inputs if inputs is None else inputs
    if asked is None or (inputs is not None and not prediction.input_hash):
        raise _not_kept(prediction)
    bundle = archive.get(prediction.bundle)
    row = bundle.validate([asked])
    _compare_hashes(prediction, input_hash(jsonable(row[0])))
    answer = bundle.predict(row)[0]
    close = abs(answer.probability - prediction.probability) <= TOLERANCE
    source = "kept" if inputs is None else "sent"
    return Verification(close and answer.label == prediction.label, source, answer.label, answer.probability)


def _compare_hashes(prediction: Prediction, found: str) -> None:
    if prediction.input_hash not in ("", found):
        raise InputHashDiffers(
            "These are not the inputs that were asked.",
            advice="The hash is that of the checked inputs: send exactly what was sent then.",
            details={"logged": prediction.input_hash, "found": found},
        )


def _not_kept(prediction: Prediction) -> InputsNotKept:
    if prediction.input_hash:
        advice = 'Send what was asked as {"inputs": {…}}: its hash must be the logged one.'
        return InputsNotKept("The log has only the hash of what was asked.", advice=advice)
    return InputsNotKept("The log has neither what was asked nor its hash.")
