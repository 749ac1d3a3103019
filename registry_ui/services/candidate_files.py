"""What a pipeline run left in its folder, read and proven before anything of it is believed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ml_pipeline.bundle.files import MANIFEST_FILE, MODEL_FILE
from ml_pipeline.errors import InvalidBundle
from ml_pipeline.paths import Artifacts
from ml_pipeline.spec.sections import Promotion

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
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class Candidate:
    """A proven candidate: the hash is that of the bytes, and its golden samples got their recorded answers."""

    model: str
    manifest: bytes
    fitted: bytes
    bundle_hash: str
    data_hash: str
    report: dict[str, Any]
    recommendation: Recommendation
    recommendation_text: dict[str, Any]
    spec: dict[str, Any]


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


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidBundle(f"{path.name} of the candidate cannot be read: {error}.") from error
    return content
