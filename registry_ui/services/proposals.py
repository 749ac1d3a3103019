"""What could be done about a model, cheapest first, and what it would gain: computed by a worker from labelled answers.

Another threshold changes one number of the bundle, another calibration needs a fit, retraining a whole run. Each is
proposed with the gain that the labelled answers promise, and nothing is done before somebody asks for it.
"""

from dataclasses import asdict
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from django.db.models import Max, OuterRef, Subquery
from django.utils import timezone

from ml_pipeline.errors import UnreachableRequirement
from predictions.models import Feedback, Prediction
from predictions.prediction_log.ids import id_floor
from predictions.route_names import SHADOW
from registry_ui.errors import WrongState
from registry_ui.models import BackgroundTask, LabelledDay, ModelVersion
from registry_ui.selectors import champion_get
from registry_ui.services.access import VIEW, Actor
from registry_ui.services.background import Progress, task_request

if TYPE_CHECKING:
    from ml_pipeline.learning.bootstrap import PairedDifference
    from ml_pipeline.learning.metrics import Floats, Indices

LOOKED_BACK = timedelta(days=90)
RETRAINED = 5  # versions whose gain says what the next may gain
LEAST_LABELS = 100
LEAST_OF_EACH = 10
MOST_LABELS = 20_000
EVERY = timedelta(days=1)
_DRAWS = 1_000
_Kind = BackgroundTask.Kind
_Row = tuple[float, str, str]


def proposals_request(*, model: str, actor: Actor) -> BackgroundTask:
    """Have a worker compute them; the active computation where there is one."""
    actor.require(VIEW, model)
    return task_request(kind=_Kind.PROPOSALS, subject=model, model=model, actor=actor)


def proposals_refresh() -> int:
    """Ask for those of models whose labels changed since they were last computed, at most once a day each."""
    counted = dict(LabelledDay.objects.order_by().values_list("model").annotate(Max("counted_at")))
    newest = BackgroundTask.objects.filter(kind=_Kind.PROPOSALS, model__in=counted).order_by()
    last = dict(newest.values_list("model").annotate(Max("created_at")))
    now = timezone.now()
    due = [
        model
        for model, at in counted.items()
        if at is not None and (model not in last or (last[model] < at and now - last[model] >= EVERY))
    ]
    for model in due:
        proposals_request(model=model, actor=Actor.system("proposals"))
    return len(due)


def proposals_compute(task: BackgroundTask, progress: Progress) -> dict[str, Any]:
    """The task's work: `retune` and `recalibrate` are None where the labels do not allow them; `why` says so."""
    version = champion_get(model=task.model)
    if version is None:
        raise WrongState(f"Nothing serves {task.model}: there is nothing to improve.")
    progress.tell(0, 3, "reading the labelled answers")
    rows = _labelled(version)
    found: dict[str, Any] = {
        "version": version.number,
        "labels": len(rows),
        "new_labels": Feedback.objects.filter(model=task.model, created_at__gt=version.created_at).count(),
        "trained_at": version.created_at.isoformat(),
        "retune": None,
        "recalibrate": None,
        "retrained": _retrained(task.model),
        "why": _too_few(version, rows),
    }
    if not found["why"]:
        progress.tell(1, 3, "another threshold")
        labels, decided, probabilities = _arrays(version, rows)
        found |= _retuned(version, labels, decided, probabilities)
        progress.tell(2, 3, "another calibration")
        found |= _recalibrated(labels, probabilities)
    return found


def _retrained(model: str) -> dict[str, Any] | None:
    """What the newest trained versions gained over the champion of their time by the policy's metric, as it was then.

    None where none was compared. A derived version is none of them, nor is one that came out byte for byte the same.
    """
    known = ModelVersion.objects.filter(model=model, lineage__derived_from__isnull=True)
    compared = [told["comparison"] for told in known.values_list("recommendation", flat=True) if told.get("comparison")]
    same = [one["difference"] for one in compared if one["metric"] == compared[0]["metric"]]
    gains = [gain for gain in same[:RETRAINED] if gain is not None]
    return {"metric": compared[0]["metric"], "gains": gains, "median": median(gains)} if gains else None


def _labelled(version: ModelVersion) -> list[_Row]:
    """(probability, answer, true label) of the version's newest labelled answers."""
    since = timezone.now() - LOOKED_BACK
    labels = Feedback.objects.filter(model=version.model, prediction_id__gte=id_floor(since))
    told = labels.filter(prediction_id=OuterRef("pk")).values("label")
    answers = Prediction.objects.filter(pk__in=labels.values("prediction_id"), version=version.number)
    known = answers.exclude(route=SHADOW).annotate(true=Subquery(told)).order_by("-pk")
    return list(known.values_list("probability", "label", "true")[:MOST_LABELS])


def _too_few(version: ModelVersion, rows: list[_Row]) -> str:
    classes = _classes(version)
    if len(classes) != 2:
        return "The model has more than two labels: it has no threshold, and the log no probability of each label."
    if version.report.get("threshold") is None:
        return "The model has no threshold."
    each = [sum(true == label for _, _, true in rows) for label in classes]
    if len(rows) < LEAST_LABELS or min(each) < LEAST_OF_EACH:
        return (
            f"{len(rows)} labelled answers of version {version.number} are known, {each[1]} of them “{classes[1]}”; "
            f"at least {LEAST_LABELS} are needed, {LEAST_OF_EACH} of each label."
        )
    return ""


def _classes(version: ModelVersion) -> tuple[str, ...]:
    from ml_pipeline.spec import Target  # noqa: PLC0415

    return Target.model_validate(version.spec["target"]).classes


def _arrays(version: ModelVersion, rows: list[_Row]) -> "tuple[Indices, Indices, Floats]":
    import numpy as np  # noqa: PLC0415

    _, positive = _classes(version)
    labels = np.array([true == positive for _, _, true in rows], dtype=np.int64)
    decided = np.array([answer == positive for _, answer, _ in rows], dtype=np.int64)
    return labels, decided, np.array([probability for probability, _, _ in rows], dtype=np.float64)


def _retuned(version: ModelVersion, labels: "Indices", decided: "Indices", probabilities: "Floats") -> dict[str, Any]:
    from ml_pipeline.learning.retuning import retune  # noqa: PLC0415
    from ml_pipeline.spec import Decision  # noqa: PLC0415

    decision = Decision.model_validate(version.spec["decision"])
    try:
        tuned = retune(labels, decided, probabilities, decision=decision, draws=_DRAWS)
    except UnreachableRequirement as error:
        return {"why": str(error)}
    return {
        "retune": {
            "threshold": tuned.threshold,
            "own": version.report["threshold"],
            "metric": tuned.metric,
            **_gain(tuned.gain),
        }
    }


def _recalibrated(labels: "Indices", probabilities: "Floats") -> dict[str, Any]:
    from ml_pipeline.learning.retuning import recalibrate  # noqa: PLC0415

    found = recalibrate(labels, probabilities, draws=_DRAWS)
    return {"recalibrate": {**found.by._asdict(), **_gain(found.gain)}}


def _gain(difference: "PairedDifference") -> dict[str, float]:
    """As the page says it: what it is now, what it would be, and the difference with its interval."""
    told = asdict(difference)
    return {"now": told.pop("champion"), "then": told.pop("candidate"), **told}
