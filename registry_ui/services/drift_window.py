"""The two samples of a drift evaluation: the kept held-out rows of a version, and what it answered since.

Runs in a worker, where scikit-learn may be imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID

from predictions.bundle_store import read_bundle
from predictions.models import Feedback
from registry_ui.models import ModelVersion
from registry_ui.selectors import champion_answers
from registry_ui.services.evidence_store import ROWS, evidence_fetch
from registry_ui.services.shadowing import inputs_sent

if TYPE_CHECKING:
    from ml_pipeline.bundle.model_bundle import ModelBundle
    from ml_pipeline.drift.evaluation import PreparedReference
    from ml_pipeline.drift.samples import Answers, Sample

_IDS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Reference:
    """A version's bundle, its held-out rows with their answers, and all that is prepared on them."""

    bundle: ModelBundle
    sample: Sample
    prepared: PreparedReference


@dataclass(frozen=True)
class Window:
    """A version's newest answers, oldest first; inputs where they are kept."""

    moments: Sequence[datetime]
    answers: Sequence[tuple[str, float]]
    inputs: Sequence[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.moments)

    def sample(self, bundle: ModelBundle, *, minimum: int) -> Sample:
        """The window as it is compared; too few kept inputs are as good as none."""
        from ml_pipeline.drift.samples import Sample  # noqa: PLC0415

        kept = self.inputs if len(self.inputs) >= minimum else ()
        return Sample(bundle.validate([inputs_sent(row) for row in kept]), _answers(self.answers))


def window_read(*, version: ModelVersion, most: int) -> Window:
    """The newest answers that the version gave as champion, at most so many."""
    newest = champion_answers(version=version).order_by("-created_at", "-id")
    rows = list(newest.values_list("created_at", "label", "probability", "inputs")[:most])[::-1]
    return Window(
        [row[0] for row in rows],
        [(row[1], row[2]) for row in rows],
        [row[3] for row in rows if row[3] is not None],
    )


def labelled_read(*, version: ModelVersion, most: int) -> tuple[Answers, list[str]]:
    """The version's newest answers as champion whose true labels were told, and those labels."""
    told = Feedback.objects.filter(model=version.model).order_by("-prediction_id")
    truths = dict(told.values_list("prediction_id", "label")[:most])
    answered = _answers_of(version, list(truths))
    known = [(prediction, answer) for prediction, answer in answered.items() if prediction in truths]
    return _answers([answer for _, answer in known]), [truths[prediction] for prediction, _ in known]


@lru_cache(maxsize=3)
def reference_prepared(*, bundle_hash: str, rows_hash: str, scores_hash: str) -> Reference:
    """What the hashes name, prepared; kept in the worker, with the bounds that were found for it."""
    from ml_pipeline.bundle.model_bundle import ModelBundle  # noqa: PLC0415
    from ml_pipeline.drift import performance  # noqa: PLC0415
    from ml_pipeline.drift.evaluation import PreparedReference  # noqa: PLC0415
    from ml_pipeline.drift.samples import Sample  # noqa: PLC0415
    from ml_pipeline.rows import read_labelled  # noqa: PLC0415
    from ml_pipeline.scores import read_scores  # noqa: PLC0415

    bundle = ModelBundle.from_bytes(*read_bundle(bundle_hash), expected_hash=bundle_hash)
    scored = read_scores(BytesIO(evidence_fetch(scores_hash, suffix=ROWS))).candidate
    answers = performance.Reference.of_scores(scored, bundle.target.classes, binary=bundle.target.is_binary)
    rows = []
    if rows_hash:
        rows = read_labelled(BytesIO(evidence_fetch(rows_hash, suffix=ROWS)), fields=bundle.inputs).rows
    return Reference(bundle, Sample(rows, answers.answers), PreparedReference(bundle, rows, answers))


def _answers_of(version: ModelVersion, ids: Sequence[UUID]) -> dict[UUID, tuple[str, float]]:
    found: dict[UUID, tuple[str, float]] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        rows = champion_answers(version=version).filter(pk__in=ids[start : start + _IDS_AT_ONCE])
        found |= {row[0]: (row[1], row[2]) for row in rows.values_list("pk", "label", "probability")}
    return found


def _answers(pairs: Sequence[tuple[str, float]]) -> Answers:
    import numpy as np  # noqa: PLC0415

    from ml_pipeline.drift.samples import Answers  # noqa: PLC0415

    return Answers([label for label, _ in pairs], np.array([probability for _, probability in pairs], dtype=np.float64))
