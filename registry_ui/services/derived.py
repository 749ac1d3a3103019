"""Another threshold or calibration over the same model file is another candidate: made by a worker, judged, and decided
like any.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction

from ml_pipeline.baseline import Champion
from ml_pipeline.canonical import readable_json, write_bytes
from ml_pipeline.errors import RunFailed
from ml_pipeline.learning.recalibration import Recalibration
from ml_pipeline.paths import Artifacts
from predictions.bundle_store import read_bundle
from registry_ui.errors import InvalidRecalibration, InvalidThreshold, WrongState
from registry_ui.models import BackgroundTask, ModelVersion
from registry_ui.rules import promotion_of, rollout_of
from registry_ui.selectors import champion_get, version_get
from registry_ui.services.access import REQUEST, Actor
from registry_ui.services.audit import Event, audit_append
from registry_ui.services.background import Progress, task_request
from registry_ui.services.candidates import Imported, Published, candidate_import
from registry_ui.services.decisions import reason_checked
from registry_ui.services.evidence_store import ROWS, evidence_fetch

if TYPE_CHECKING:
    from ml_pipeline.judgement import Judgement

_STEPS = 4
_Kind = BackgroundTask.Kind
_log = structlog.get_logger(__name__)


def threshold_propose(*, model: str, number: int, threshold: float, reason: str, actor: Actor) -> BackgroundTask:
    """Ask for a candidate that decides at `threshold` with the model of version `number`."""
    actor.require(REQUEST, model)
    version = version_get(model=model, number=number)
    own = _require_possible(version)
    if not 0 < threshold < 1 or threshold == own:
        raise InvalidThreshold(
            f"{threshold:g} is not a new threshold.",
            advice=f"Name one between 0 and 1 that is not {own:g}, the version's own.",
            details={"field": "threshold", "threshold": own},
        )
    return _propose(_Kind.THRESHOLD, version, {"threshold": threshold}, f"at {threshold:g}", reason, actor)


def recalibration_propose(
    *, model: str, number: int, recalibration: Recalibration, reason: str, actor: Actor
) -> BackgroundTask:
    """Ask for a candidate with the model of version `number`, its decisions, and other probabilities."""
    actor.require(REQUEST, model)
    version = version_get(model=model, number=number)
    _require_possible(version)
    if not recalibration.is_increasing:
        raise InvalidRecalibration(
            f"A slope of {recalibration.slope:g} would turn the order of the answers round.",
            advice="Where likelier answers are right less often, retrain the model.",
            details={"field": "slope"},
        )
    return _propose(_Kind.RECALIBRATION, version, recalibration._asdict(), "recalibrated", reason, actor)


def _propose(
    kind: BackgroundTask.Kind, version: ModelVersion, change: dict[str, float], how: str, reason: str, actor: Actor
) -> BackgroundTask:
    asked = {"version": version.number, **change, "reason": reason_checked(reason)}
    with transaction.atomic():
        task = task_request(kind=kind, subject=f"{version} {how}", model=version.model, actor=actor, asked=asked)
        details = {**asked, "task": str(task.pk)}
        audit_append(events=[Event(actor.name, f"{kind.value}.propose", str(version), version.model, details)])
    return task


def derived_candidate(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """The task's work: change the bundle, judge it on the kept held-out rows, import it, publish it.

    Imported first: a sync that finds it on the tracking server would name itself as who asked for it.
    """
    version = version_get(model=task.model, number=task.asked["version"])
    _require_possible(version)
    from ml_pipeline.running.workspace import prepare_workspace  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        prepare_workspace(root, lock_entries=None)
        progress.tell(0, _STEPS, "judging it on the held-out rows")
        _write(version, task, root)
        progress.tell(1, _STEPS, "importing it")
        imported = _imported(task, root, None)
        published = _published(task, root, progress)
        if published is not None:
            progress.tell(3, _STEPS, "noting where it stands")
            _imported(task, root, published)
    return {"version": imported.version.number, "created": imported.created, "tracked": published is not None}


def _require_possible(version: ModelVersion) -> float:
    """The version's own threshold."""
    own: float | None = version.report.get("threshold")
    if own is None:
        raise WrongState(f"{version} has no threshold: only a model of two labels has one.")
    if not version.rows_hash:
        raise WrongState(
            f"The held-out rows of {version} are not kept here, so that a change of it cannot be judged.",
            advice="Train it here.",
        )
    return own


def _changed(task: BackgroundTask, manifest: bytes, fitted: bytes) -> bytes:
    from ml_pipeline.bundle.writing import with_recalibration, with_threshold  # noqa: PLC0415 - scikit-learn

    asked = task.asked
    if task.kind == _Kind.THRESHOLD:
        return with_threshold(manifest, fitted, asked["threshold"])
    return with_recalibration(manifest, fitted, Recalibration(asked["slope"], asked["intercept"]))


def _write(version: ModelVersion, task: BackgroundTask, root: Path) -> None:
    """Under `root` what a run of the pipeline would have left, with the same functions that the pipeline calls."""
    from ml_pipeline.bundle.files import write_bundle  # noqa: PLC0415
    from ml_pipeline.bundle.writing import record_metrics  # noqa: PLC0415
    from ml_pipeline.scores import write_scores  # noqa: PLC0415

    files, live = Artifacts(version.model), champion_get(model=version.model)
    manifest, fitted = read_bundle(version.bundle_hash)
    manifest = _changed(task, manifest, fitted)
    write_bytes(root / files.held_out_rows, evidence_fetch(version.rows_hash, suffix=ROWS))
    judged = _judged(manifest, fitted, root / files.held_out_rows, live)
    bundle_hash = write_bundle(root / files.bundle, record_metrics(manifest, judged.values), fitted)
    changed = {"bundle_hash": bundle_hash, "threshold": json.loads(manifest)["threshold"]}
    report = _report(version, task, judged, live) | changed
    write_scores(root / files.scores, judged.scores)
    write_bytes(root / files.metrics, readable_json(judged.values))
    write_bytes(root / files.report, readable_json(report))
    recommended = _recommendation(version, report, judged, live)
    if task.kind == _Kind.RECALIBRATION:
        recommended["reasons"].append(_what_recalibrating_is_for(judged))
    write_bytes(root / files.recommendation, readable_json(recommended))


def _judged(manifest: bytes, fitted: bytes, rows: Path, live: ModelVersion | None) -> "Judgement":
    """The changed bundle on the kept rows, beside the champion of now."""
    from ml_pipeline.bundle.model_bundle import ModelBundle  # noqa: PLC0415
    from ml_pipeline.judgement import Yardstick, judge_held_out  # noqa: PLC0415
    from ml_pipeline.rows import read_labelled  # noqa: PLC0415

    bundle, champion = ModelBundle.from_bytes(manifest, fitted), None
    if live is not None:
        champion = ModelBundle.from_bytes(*read_bundle(live.bundle_hash), expected_hash=live.bundle_hash)
    held_out = read_labelled(rows, fields={**bundle.inputs, **bundle.attributes})
    return judge_held_out(bundle, held_out, yardstick=Yardstick.of_public(bundle.manifest["spec"]), champion=champion)


def _report(
    version: ModelVersion, task: BackgroundTask, judged: "Judgement", live: ModelVersion | None
) -> dict[str, Any]:
    """The version's report, with what judging the changed bundle found. A backtest would say nothing."""
    who = live and {"version": live.number, "bundle_hash": live.bundle_hash, "verified": True}
    return {
        **version.report,
        "metrics": judged.metrics,
        "slices": judged.slices,
        "champion": who and {**who, **(judged.champion or {})},
        "backtest": None,
        "derived_from": {
            "version": version.number,
            "bundle_hash": version.bundle_hash,
            "threshold": version.report["threshold"],
            **{name: value for name, value in task.asked.items() if name in ("slope", "intercept", "reason")},
        },
    }


def _recommendation(
    version: ModelVersion, report: dict[str, Any], judged: "Judgement", live: ModelVersion | None
) -> dict[str, Any]:
    from ml_pipeline.judgement import Yardstick  # noqa: PLC0415
    from ml_pipeline.recommendation import recommendation  # noqa: PLC0415

    recommended = recommendation(
        report=report,
        metrics=judged.values,
        scores=judged.scores,
        champion=Champion(live.number, live.bundle_hash, Path()) if live else None,
        promotion=promotion_of(version),
        rollout=rollout_of(version),
        draws=Yardstick.of_public(version.spec).draws,
    )
    return {**recommended, "monitoring": version.recommendation.get("monitoring", {})}


def _what_recalibrating_is_for(judged: "Judgement") -> str:
    """No policy's metric can gain by it, and the held-out rows are of another time than the labels."""
    theirs = (judged.champion or {}).get("metrics", {}).get("brier")
    beside = f" in the place of {theirs['value']:.4f}" if theirs else ""
    return (
        "It was recalibrated on labels of now: its probabilities are others, and its decisions those of the version "
        f"before. Brier's score, where less is better, is {judged.values['brier']:.4f}{beside} on these held-out "
        "rows; what it gains on the labels of now is why it was proposed."
    )


def _published(task: BackgroundTask, root: Path, progress: Progress) -> Published | None:
    """Where it stands on the tracking server; None where that cannot be reached: the candidate is no worse for it."""
    from ml_pipeline.running.repro import Steps, publish  # noqa: PLC0415 - the serving image has no pipeline

    answers: list[str] = []

    def alive() -> bool:
        progress.tell(2, _STEPS, "registering it on the tracking server")  # a slow server costs no lease
        return False

    trigger = f"{task.kind} by {task.requested_by}"
    steps = Steps(root, on_line=answers.append, should_stop=alive, trigger=trigger)
    try:
        publish([task.model], steps)
        record = json.loads(next(line for line in reversed(answers) if line.startswith("{")))
    except (RunFailed, StopIteration) as error:
        _log.warning("threshold_not_published", task=str(task.pk), error=str(error))
        return None
    return Published.told(record)


def _imported(task: BackgroundTask, root: Path, published: Published | None) -> Imported:
    """Its requester is who proposed it. It waits for a person, whatever the policy: a person chose the change."""
    return candidate_import(
        model=task.model, root=root, actor=Actor(task.requested_by), published=published, elsewhere=True
    )
