"""Asking versions: each call is timed and counted, and a canary that fails takes nobody's answer away."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ml_pipeline.bundle.explaining import Explanation
from ml_pipeline.bundle.model_bundle import Answer
from ml_pipeline.errors import CodesoftError, InvalidInputs
from ml_pipeline.inputs import Row
from predictions import metrics
from predictions.errors import ModelFailed, NotANumber
from predictions.route_names import CANARY, FALLBACK
from predictions.serving import serving_process
from predictions.serving.routing import LiveModel, LiveVersion, Routed, champion_of

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Scored:
    """The rows of one part as its version checked them, and what it answered; `explanations` where they were wanted."""

    part: Routed
    rows: Sequence[Row]
    answers: Sequence[Answer]
    explanations: Sequence[Explanation] | None = None


def score(
    live: LiveModel,
    parts: Sequence[Routed],
    checked: Sequence[Sequence[Row]],
    rows: Sequence[object],
    *,
    explain: bool = False,
) -> list[Scored]:
    """The answers of every part; ModelFailed or NotANumber where a version gives none.

    The rows of a canary that fails are answered by the champion, by the route `fallback`. `checked` are the rows of
    each part, `rows` all of the request, as they were sent: the champion checks its own.
    """
    return [
        _answered(live, part, own, rows, explain=explain) for part, own in zip(parts, checked, strict=True)
    ]  # fmt: skip


def ask(version: LiveVersion, model: str, rows: Sequence[Row], *, explain: bool = False) -> Scored:
    """What a version answers, counted nowhere. Its part is the whole request.

    ModelFailed for whatever it raises, NotANumber for what is no probability.
    """
    return Scored(Routed("", version, range(len(rows))), rows, *_asked(version, model, rows, explain=explain))


def _answered(live: LiveModel, part: Routed, own: Sequence[Row], rows: Sequence[object], *, explain: bool) -> Scored:
    try:
        return _counted(live.name, part, own, explain=explain)
    except CodesoftError:
        if part.route != CANARY:
            raise
        with suppress(InvalidInputs):  # it takes less than the canary: then the canary's failure is the answer
            champion = Routed(FALLBACK, champion_of(live), part.places)
            checked = champion.version.bundle.validate([rows[place] for place in part.places])
            return _counted(live.name, champion, checked, explain=explain)
        raise


def _counted(model: str, part: Routed, rows: Sequence[Row], *, explain: bool) -> Scored:
    started = time.thread_time()
    try:
        answers, explanations = _asked(part.version, model, rows, explain=explain)
    except CodesoftError as error:
        _note(model, part, len(rows), failure=error.code)
        metrics.VERSION_FAILURES.labels(model, part.version.version, part.route, error.code).inc()
        raise
    # The thread's own processor time: what a busy machine adds is not the version's doing.
    timed = len(rows) == 1 and not explain
    _note(model, part, len(rows), seconds=time.thread_time() - started if timed else None)
    return Scored(part, rows, answers, explanations)


def _asked(
    version: LiveVersion, model: str, rows: Sequence[Row], *, explain: bool
) -> tuple[Sequence[Answer], Sequence[Explanation] | None]:
    try:
        explained = version.bundle.explain(rows) if explain else None
        answers = version.bundle.predict(rows) if explained is None else [answer for answer, _ in explained]
    except Exception as error:  # whatever the libraries behind a foreign file raise
        log.exception("prediction.model_failed", model=model, version=version.version)
        raise ModelFailed(
            f"Version {version.version} of {model} broke on this request.",
            details={"model": model, "version": version.version},
        ) from error
    for answer in answers:
        if not 0.0 <= answer.probability <= 1.0:  # NaN is not, either
            raise NotANumber(f"Version {version.version} of {model} gave no probability.")
    return answers, None if explained is None else [explanation for _, explanation in explained]


def _note(model: str, part: Routed, rows: int, *, seconds: float | None = None, failure: str = "") -> None:
    version = part.version
    serving_process().version_counts.note(
        model=model,
        version=version.version,
        bundle=version.bundle.hash,
        route=part.route,
        rows=rows,
        seconds=seconds,
        failure=failure,
    )
