"""What a pipeline run left in its folder, read and proven before anything of it is believed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.paths import Artifacts
from ml_pipeline.spec.policies import Promotion, Retraining
from ml_pipeline.spec.rollout import Rollout

if TYPE_CHECKING:
    from ml_pipeline.bundle.model_bundle import ModelBundle


class Compared(BaseModel):
    """The champion that the candidate was compared with."""

    model_config = ConfigDict(extra="ignore")

    version: int
    bundle_hash: str


class Recommendation(BaseModel):
    """What registration recommends. Only what decides is typed; the whole is kept for the review page."""

    model_config = ConfigDict(extra="ignore")

    verdict: Literal["below_floors", "first", "identical", "promote", "keep"]
    bundle_hash: str
    data_hash: str
    champion: Compared | None
    promotion: Promotion
    retraining: Retraining = Retraining()
    rollout: Rollout = Rollout()  # a candidate from before there was one
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class HeldOut:
    """What the evaluation left for a closer look: the scores, the rows where they are at hand, and curves of both."""

    scores: bytes
    rows: bytes | None
    curves: dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """A proven candidate: the hash is that of the bytes, and its golden samples got their recorded answers.

    `held_out` is None for one that was trained elsewhere: the tracking server has no scores of single rows.
    """

    model: str
    manifest: bytes
    fitted: bytes
    bundle_hash: str
    data_hash: str
    report: dict[str, Any]
    recommendation: Recommendation
    recommendation_text: dict[str, Any]
    spec: dict[str, Any]
    held_out: HeldOut | None


def candidate_read(*, model: str, root: Path) -> Candidate:
    """The candidate of `model` under `root`, the folder that holds `artifacts/`. InvalidBundle says what is wrong."""
    artifacts = Artifacts(model)
    folder = root / artifacts.bundle
    report = _json(root / artifacts.report)
    recommendation = _json(root / artifacts.recommendation)
    from ml_pipeline.bundle.model_bundle import ModelBundle  # noqa: PLC0415 - scikit-learn costs seconds at start

    bundle = ModelBundle.load(folder)
    try:
        typed = Recommendation.model_validate(recommendation)
    except ValidationError as error:
        raise InvalidBundle(f"The recommendation of {model} cannot be read: {error}.") from error
    _require_agreement(model, bundle, report, typed)
    bundle.prove()
    bundle.prove_pipeline()  # what it falls back to, and the one reading that refuses a type by name
    return Candidate(
        model=model,
        manifest=(folder / MANIFEST_FILE).read_bytes(),
        fitted=(folder / MODEL_FILE).read_bytes(),
        bundle_hash=bundle.hash,
        data_hash=typed.data_hash,
        report=report,
        recommendation=typed,
        recommendation_text=recommendation,
        spec=dict(bundle.manifest["spec"]),
        held_out=_held_out(bundle, root, artifacts),
    )


def _require_agreement(model: str, bundle: "ModelBundle", report: dict[str, Any], typed: Recommendation) -> None:
    """The files of one folder must speak of one candidate: a half-replaced folder is not imported."""
    claims = {(report.get("bundle_hash"), report.get("data_hash")), (typed.bundle_hash, typed.data_hash)}
    if bundle.model != model or claims != {(bundle.hash, typed.data_hash)}:
        raise InvalidBundle(
            f"Bundle, evaluation and recommendation of {model} do not belong together.",
            advice="Run the pipeline again.",
            details={"model": bundle.model, "bundle_hash": bundle.hash, "reported": report.get("bundle_hash")},
        )


def _held_out(bundle: "ModelBundle", root: Path, artifacts: Artifacts) -> HeldOut | None:
    """Scores and rows of one evaluation. Rows of another one are refused: they would explain the wrong answers."""
    scores, rows = root / artifacts.scores, root / artifacts.held_out_rows
    if not scores.exists():
        return None
    # No web process imports a candidate, and none should pay for these.
    from ml_pipeline.learning.comparison import compared_curves  # noqa: PLC0415
    from ml_pipeline.rows import read_labelled  # noqa: PLC0415
    from ml_pipeline.scores import read_scores  # noqa: PLC0415
    from ml_pipeline.spec import Decision  # noqa: PLC0415

    answered = read_scores(scores)
    if rows.exists() and read_labelled(rows, fields=bundle.inputs).ids != answered.ids:
        raise InvalidBundle(f"The held-out rows of {bundle.model} are not those of its scores.", advice="Run it again.")
    curves = compared_curves(
        answered,
        labels=bundle.labels,
        decision=Decision.model_validate(bundle.manifest["spec"]["decision"]),
        threshold=bundle.threshold,
    )
    return HeldOut(scores.read_bytes(), rows.read_bytes() if rows.exists() else None, curves)


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidBundle(f"{path.name} of the candidate cannot be read: {error}.") from error
    return content
